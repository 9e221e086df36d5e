// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.Test;

/** Logs as they may be found: never used, clean, dirty, gone round, damaged. */
final class XlogFindTest {
  private static final int UNMOUNT = 0x20;

  private final TestImage image = new TestImage();

  private void assertClean() throws ErrnoException {
    image.mount().close();
  }

  private void assertRefused(int errno, String why) throws ErrnoException {
    assertThatThrownBy(() -> image.mount().close())
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno))
        .hasMessageContaining(why);
    // norecovery does not look
    new MountedTree(image.device(), "ro,norecovery").close();
  }

  @Test
  void neverUsed() throws ErrnoException {
    assertClean();
  }

  @Test
  void freshFromMkfs() throws ErrnoException {
    image.logHeader(0, 1, 512, 1, 1, 0);
    image.logBody(1, 1, 1, UNMOUNT);
    assertClean();
  }

  @Test
  void dirtyAndThenUnmounted() throws ErrnoException {
    image.logHeader(0, 1, 512, 1, 1, 0);
    image.logBody(1, 1, 1, UNMOUNT);
    image.logHeader(2, 1, 5 * 512, 7, 1, 2);
    image.logBody(3, 5, 1, 0);
    assertRefused(Errno.EROFS, "the log is dirty");
    image.logHeader(8, 1, 512, 1, 1, 2);
    image.logBody(9, 1, 1, UNMOUNT);
    assertClean();
  }

  @Test
  void aRecordThatWasNotWrittenToItsEndDoesNotCount() throws ErrnoException {
    image.logHeader(0, 1, 512, 1, 1, 0);
    image.logBody(1, 1, 1, UNMOUNT);
    image.logHeader(2, 1, 5 * 512, 7, 1, 2);
    image.logBody(3, 4, 1, 0);
    assertClean();
  }

  /** The ring is in its third round up to the head, in its second from there on. */
  private void round(int head) {
    image.logHeader(0, 3, 512, 3, 2, 1900);
    image.logBody(1, head - 3, 3, 0);
    image.logBody(head, TestImage.LOG_BBS - head, 2, 0);
  }

  @Test
  void goneRoundAndUnmounted() throws ErrnoException {
    round(700);
    image.logHeader(698, 3, 512, 1, 3, 600);
    image.logBody(699, 1, 3, UNMOUNT);
    assertClean();
  }

  @Test
  void goneRoundAndDirty() throws ErrnoException {
    round(700);
    image.logHeader(698, 3, 512, 1, 3, 600);
    image.logBody(699, 1, 3, 0);
    assertRefused(Errno.EROFS, "the log is dirty");
  }

  @Test
  void theLastRecordGoesOverTheEnd() throws ErrnoException {
    image.logBody(0, TestImage.LOG_BBS, 2, 0);
    image.logHeader(TestImage.LOG_BBS - 1, 2, 512, 1, 2, 600);
    image.logBody(0, 1, 3, UNMOUNT);
    assertClean();
    image.logBody(0, 1, 3, 0);
    assertRefused(Errno.EROFS, "the log is dirty");
  }

  @Test
  void theHeadIsAtTheEnd() throws ErrnoException {
    image.logBody(0, TestImage.LOG_BBS - 2, 2, 0);
    image.logHeader(TestImage.LOG_BBS - 2, 2, 512, 1, 2, 600);
    image.logBody(TestImage.LOG_BBS - 1, 1, 2, UNMOUNT);
    assertClean();
  }

  @Test
  void blocksThatCameOutOfOrder() throws ErrnoException {
    round(700);
    image.logHeader(690, 3, 512, 1, 3, 600);
    image.logBody(691, 1, 3, UNMOUNT);
    image.logBody(692, 1, 2, 0); // a hole: the blocks after it were in flight when the power failed
    assertClean();
  }

  @Test
  void damaged() throws ErrnoException {
    image.logBody(0, 40, 1, 0);
    assertRefused(Errno.EUCLEAN, "no record");
    image.logBody(0, 40, 7, 0);
    assertRefused(Errno.EUCLEAN, "begins in cycle 7");
    image.logHeader(0, 1, 512, 1, 1, 0);
    image.logBody(1, 1, 1, UNMOUNT);
    image.logBody(2, 40, 0, 0);
    int header = TestImage.byteOf(TestImage.LOG_FSB);
    image.disk.putInt(header + 32, 0x12345678);
    assertRefused(Errno.EUCLEAN, "bad checksum");
    image.disk.putInt(header + 8, 9);
    assertRefused(Errno.EUCLEAN, "version 9");
    image.disk.putInt(header + 8, 2).putInt(header + 12, -1);
    assertRefused(Errno.EUCLEAN, "longer than records can be");
    image.disk.putInt(header + 12, 512).put(header + 304, (byte) 0);
    assertRefused(Errno.EUCLEAN, "another filesystem");
  }
}
