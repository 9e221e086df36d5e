// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import static io.pollux.block.buffer.TestBlocks.BLOCK;
import static io.pollux.block.buffer.TestBlocks.VALUE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.util.zip.CRC32C;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The contents of a block: numbers, parts and copies, checked against the end. */
@Timeout(60)
final class BufDataTest {
  private final TestBlocks blocks = new TestBlocks(4);
  private final long memory = HostMemory.map(HostMemory.PAGE_SIZE);

  @AfterEach
  void end() {
    blocks.close();
    HostMemory.unmap(memory, HostMemory.PAGE_SIZE);
  }

  private static void assertErrno(ThrowingCallable call, int errno, String sentence) {
    assertThatThrownBy(call)
        .hasMessage(sentence)
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  @Test
  void everyAccessIsCheckedAgainstTheEnd() throws ErrnoException {
    Buf buf = blocks.read(1);
    BufData data = buf.data();
    String sentence = "block 1: something points beyond its end";
    assertErrno(() -> data.u8(BLOCK), Errno.EUCLEAN, sentence);
    assertErrno(() -> data.u16(BLOCK - 1), Errno.EUCLEAN, sentence);
    assertErrno(() -> data.u32(-1), Errno.EUCLEAN, sentence);
    assertErrno(() -> data.i64(Integer.MAX_VALUE), Errno.EUCLEAN, sentence);
    assertErrno(() -> data.copy(0, -1), Errno.EUCLEAN, sentence);
    assertErrno(() -> data.slice(1, BLOCK, "part"), Errno.EUCLEAN, sentence);
    assertErrno(() -> data.matches(BLOCK - 1, new byte[2]), Errno.EUCLEAN, sentence);
    assertErrno(() -> data.addTo(new CRC32C(), 8, BLOCK), Errno.EUCLEAN, sentence);
    assertErrno(() -> data.copyTo(0, memory, BLOCK + 1), Errno.EUCLEAN, sentence);
    buf.lock(blocks.task);
    BufEdit edit = buf.edit();
    assertErrno(() -> edit.put8(BLOCK, 1), Errno.EUCLEAN, sentence);
    assertErrno(() -> edit.put16(-1, 1), Errno.EUCLEAN, sentence);
    assertErrno(() -> edit.put32(BLOCK - 3, 1), Errno.EUCLEAN, sentence);
    assertErrno(() -> edit.put64(BLOCK - 7, 1), Errno.EUCLEAN, sentence);
    assertErrno(() -> edit.put(BLOCK - 1, new byte[2]), Errno.EUCLEAN, sentence);
    assertErrno(() -> edit.putMemory(BLOCK - 1, memory, 2), Errno.EUCLEAN, sentence);
    edit.put8(16, 0x1ff);
    edit.put16(18, 0x10203);
    edit.put64(24, -2);
    edit.put(32, new byte[] {1, 2});
    assertThat(edit.u8(16)).isEqualTo(0xff);
    assertThat(edit.u16(18)).isEqualTo(0x0203);
    assertThat(edit.u32(28)).isEqualTo(0xffff_fffeL);
    assertThat(edit.slice(32, 2, "part").u16(0)).isEqualTo(0x0102);
    assertThat(edit.slice(32, 2, "part").position()).isEqualTo(BLOCK + 32);
    buf.unlock();
    buf.release();
  }

  @Test
  void thePartsUpToTheEndAreAccessible() throws ErrnoException {
    byte[] bytes = {1, 2, 3, 4, 5, 6, 7, (byte) 0x88};
    BufData data = new BufData(bytes, 512, "it", Errno.EUCLEAN);
    assertThat(data.size()).isEqualTo(8);
    assertThat(data.i64(0)).isEqualTo(0x0102_0304_0506_0788L);
    assertThat(data.i32(4)).isEqualTo(0x0506_0788);
    assertThat(data.u16(6)).isEqualTo(0x0788);
    assertThat(data.u8(7)).isEqualTo(0x88);
    assertThat(data.copy(8, 0)).isEmpty();
    assertThat(data.copy(6, 2)).containsExactly(7, 0x88);
    assertThat(data.matches(2, new byte[] {3, 4})).isTrue();
    assertThat(data.matches(6, new byte[] {7, (byte) 0x88})).isTrue();
    assertThat(data.matches(2, new byte[] {3, 5})).isFalse();
    assertThat(data).hasToString("it at 512+8");
    CRC32C whole = new CRC32C();
    data.addTo(whole, 0, 3);
    data.addTo(whole, 3, 5);
    CRC32C expected = new CRC32C();
    expected.update(bytes);
    assertThat(whole.getValue()).isEqualTo(expected.getValue());
  }

  @Test
  void bytesGoToKernelMemoryAndComeFromIt() throws ErrnoException {
    Buf buf = blocks.read(1);
    buf.data().copyTo(VALUE, memory, 4);
    assertThat(RawMemory.getInt(memory)).isEqualTo(Integer.reverseBytes(1));
    RawMemory.putInt(memory, Integer.reverseBytes(77));
    buf.lock(blocks.task);
    buf.edit().putMemory(BLOCK - 4, memory, 4);
    assertThat(buf.edit().i32(BLOCK - 4)).isEqualTo(77);
    buf.unlock();
    buf.release();
  }
}
