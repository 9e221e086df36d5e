// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What never reaches a driver. */
@Timeout(60)
class SubmitChecksTest extends RigTest {
  private static final int SECTORS = DISK_BYTES / 512;

  @Test
  void beyondTheEndOfTheDevice() {
    assertThat(submit("over", BlkTypes.REQ_OP_READ, SECTORS - 1, 2))
        .as("nothing to poll for")
        .isEqualTo(BlkTypes.BLK_QC_T_NONE);
    submit("behind", BlkTypes.REQ_OP_READ, SECTORS, 1);
    submit("negative", BlkTypes.REQ_OP_READ, -8, 1);
    submitRange("discard", BlkTypes.REQ_OP_DISCARD, SECTORS - 1, 2);
    assertThat(rig.ended())
        .containsExactly(
            "over " + -Errno.EIO,
            "behind " + -Errno.EIO,
            "negative " + -Errno.EIO,
            "discard " + -Errno.EIO);
    submit("last", BlkTypes.REQ_OP_READ, SECTORS - 1, 1);
    disk.release(0);
    assertThat(rig.ended()).endsWith("last 0");
  }

  @Test
  void aReadOnlyDeviceIsNotChanged() {
    rig.use(disk.disk(TAGS, PLAIN.withDiscard(512, 8, 8).withWriteCache(true, false), true));
    assertThat(submit("write", BlkTypes.REQ_OP_WRITE, 0, 8)).isEqualTo(BlkTypes.BLK_QC_T_NONE);
    submitRange("discard", BlkTypes.REQ_OP_DISCARD, 0, 8);
    submitRange("zero", BlkTypes.REQ_OP_WRITE_ZEROES, 0, 8);
    assertThat(rig.ended())
        .containsExactly(
            "write " + -Errno.EPERM, "discard " + -Errno.EPERM, "zero " + -Errno.EPERM);
    submit("read", BlkTypes.REQ_OP_READ, 0, 8);
    submit("flush", BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_PREFLUSH, 0);
    disk.releaseAll();
    assertThat(rig.ended()).endsWith("read 0", "flush 0");
  }

  @Test
  void whatTheDeviceCannotDo() {
    submitRange("discard", BlkTypes.REQ_OP_DISCARD, 0, 8);
    submitRange("zero", BlkTypes.REQ_OP_WRITE_ZEROES, 0, 8);
    submit("unknown", 7, 0, 8);
    assertThat(rig.ended())
        .containsExactly(
            "discard " + -Errno.EOPNOTSUPP,
            "zero " + -Errno.EOPNOTSUPP,
            "unknown " + -Errno.EOPNOTSUPP);
  }

  @Test
  void zeroingWithoutTheOperationIsWriting() {
    disk.letThrough();
    assertThat(rig.device().zeroAndWait(task, 512, 5 * 4096 + 512, 0)).isZero();
    assertThat(rig.device().discardAndWait(task, 0, 4096)).isEqualTo(-Errno.EOPNOTSUPP);
    for (int at = 512; at < 6 * 4096 - 3 * 512 - 1536; at++) {
      assertThat(onDisk(at)).as("byte " + at).isZero();
    }
    assertThat(onDisk(5 * 4096 + 1024)).isEqualTo((byte) 42);
    assertThat(queue().stats().writeSectors()).isEqualTo(41);
  }

  @Test
  void zeroingThatFailsIsDoneByWritingIfItMay() {
    use(TAGS, PLAIN.withDiscard(0, 0, 1 << 20));
    disk.letThrough();
    disk.failEach(BlkTypes.REQ_OP_WRITE_ZEROES);
    assertThat(rig.device().zeroAndWait(task, 512, 512, BlockDevice.ZERO_NOFALLBACK))
        .isEqualTo(-Errno.EIO);
    assertThat(onDisk(512)).isEqualTo((byte) 1);
    assertThat(rig.device().zeroAndWait(task, 512, 512, BlockDevice.ZERO_NOUNMAP)).isZero();
    assertThat(onDisk(512)).isZero();
    assertThat(onDisk(1024)).isEqualTo((byte) 2);
  }

  @Test
  void zeroingWithoutTheOperationIsNotDoneIfItMayNotBeWriting() {
    assertThat(rig.device().zeroAndWait(task, 0, 4096, BlockDevice.ZERO_NOFALLBACK))
        .isEqualTo(-Errno.EOPNOTSUPP);
  }
}
