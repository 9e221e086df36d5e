// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Records are whole after damage, failures and power cuts. */
@Timeout(60)
final class RecordTableTest {
  private static final long MAGIC = 0x1122_3344_5566_7788L;
  private static final int RECORDS = 3;
  private static final int SLOT = 2 << 20;
  private static final int HEAD = 24;
  private static final int SECTOR = BlkTypes.SECTOR_SIZE;

  private final HeldDisk disk = new HeldDisk(2L * RECORDS * SLOT).letThrough();
  private final BlockDevice bdev = disk.disk(new TagSet(1, 0, 8, false), QueueLimits.of(SECTOR));
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private RecordTable table = newTable();

  private RecordTable newTable() {
    try {
      return new RecordTable(bdev, MAGIC, RECORDS, SLOT);
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void close() {
    table.close();
    process.exit();
    disk.close();
  }

  /** Continues as a new mount does. */
  private void remount() {
    table.close();
    table = newTable();
  }

  private static byte[] content(int seed, int length) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private int write(int record, byte[] content) {
    return table.write(current, record, to -> to.put(content));
  }

  private byte[] read(int record) throws ErrnoException {
    ByteBuffer buffer = table.read(current, record);
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  private MemorySegment slot(int record, int which) {
    return disk.contents().asSlice((2L * record + which) * SLOT, SLOT);
  }

  private void flip(int record, int which, long at) {
    byte old = slot(record, which).get(ValueLayout.JAVA_BYTE, at);
    slot(record, which).set(ValueLayout.JAVA_BYTE, at, (byte) (old ^ 0x10));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4096 - HEAD, 4097 - HEAD, 512 * 1024, SLOT - HEAD})
  void aRecordIsReadAsItWasWritten(int length) throws ErrnoException {
    assertThat(write(1, content(1, length))).isZero();
    assertThat(read(1)).isEqualTo(content(1, length));
    remount();
    assertThat(read(1)).isEqualTo(content(1, length));
  }

  @Test
  void theNewestVersionIsReadAndOtherRecordsStay() throws ErrnoException {
    for (int version = 0; version < 5; version++) {
      for (int record = 0; record < RECORDS; record++) {
        assertThat(write(record, content(10 * version + record, 100 - version))).isZero();
      }
      remount();
      for (int record = 0; record < RECORDS; record++) {
        assertThat(read(record)).isEqualTo(content(10 * version + record, 100 - version));
      }
    }
  }

  @Test
  void aRecordThatWasNeverWrittenIsEmpty() throws ErrnoException {
    assertThat(read(2)).isEmpty();
    slot(2, 0).copyFrom(MemorySegment.ofArray(content(3, SLOT)));
    assertThat(read(2)).isEmpty();
  }

  @Test
  void anyChangedByteOfASlotMakesItInvalid() throws ErrnoException {
    assertThat(write(1, content(1, 200))).isZero(); // in slot 1
    assertThat(write(1, content(2, 200))).isZero(); // in slot 0
    for (int at = 0; at < HEAD + 200; at++) {
      flip(1, 0, at);
      assertThat(read(1)).as("byte %d", at).isEqualTo(content(1, 200));
      flip(1, 0, at);
      assertThat(read(1)).as("byte %d restored", at).isEqualTo(content(2, 200));
    }
    flip(1, 0, HEAD);
    flip(1, 1, HEAD);
    assertThat(read(1)).as("both slots are damaged").isEmpty();
  }

  @Test
  void afterDamageTheOtherSlotKeepsTheGoodVersion() throws ErrnoException {
    assertThat(write(1, content(1, 200))).isZero();
    assertThat(write(1, content(2, 200))).isZero();
    flip(1, 0, HEAD);
    remount();
    assertThat(read(1)).isEqualTo(content(1, 200));
    assertThat(write(1, content(3, 200))).isZero();
    flip(1, 0, HEAD); // the new version went there
    assertThat(read(1)).isEqualTo(content(1, 200));
  }

  @Test
  void aPowerCutInAWriteLeavesTheOldOrTheNewVersion() throws ErrnoException {
    Random random = new Random(1);
    byte[] old = content(0, 20_000);
    assertThat(write(1, old)).isZero();
    int news = 0;
    for (int version = 1; version < 60; version++) {
      byte[] before = disk.contents().toArray(ValueLayout.JAVA_BYTE);
      byte[] now = content(version, 1 + random.nextInt(20_000));
      assertThat(write(1, now)).isZero();
      int kept = version % 5; // of four sectors, how many the cut kept
      for (int at = 0; at < before.length; at += SECTOR) {
        if (random.nextInt(4) >= kept) {
          disk.contents().asSlice(at, SECTOR).copyFrom(segment(before, at));
        }
      }
      remount();
      byte[] left = read(1);
      assertThat(left).as("version %d", version).isIn(old, now);
      news += left.length == now.length ? 1 : 0;
      old = left;
    }
    assertThat(news).as("cuts that kept the new version").isBetween(11, 58);
  }

  private static MemorySegment segment(byte[] bytes, int at) {
    return MemorySegment.ofArray(bytes).asSlice(at, SECTOR);
  }

  @Test
  void aWriteIsBetweenTwoFlushes() {
    disk.takeDone();
    assertThat(write(0, content(1, 100))).isZero();
    assertThat(disk.takeDone())
        .extracting(HeldDisk.Held::op)
        .containsExactly(BlkTypes.REQ_OP_FLUSH, BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH);
  }

  @ParameterizedTest
  @ValueSource(ints = {BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH})
  void aFailedWriteIsRepeatedInTheSameSlot(int op) throws ErrnoException {
    assertThat(write(1, content(1, 100))).isZero();
    disk.failEach(op);
    assertThat(write(1, content(2, 100))).isEqualTo(-Errno.EIO);
    assertThat(write(1, content(3, 100))).isEqualTo(-Errno.EIO);
    disk.failNone();
    assertThat(read(1)).isEqualTo(content(1, 100));
    assertThat(write(1, content(4, 100))).isZero();
    flip(1, 0, HEAD);
    assertThat(read(1)).as("the version before the failures").isEqualTo(content(1, 100));
  }

  @Test
  void anErrorOfTheDeviceIsAnExceptionThatNamesIt() {
    disk.failEach(BlkTypes.REQ_OP_READ);
    assertThatThrownBy(() -> read(0)).hasMessageStartingWith(bdev.name() + ": ");
  }

  /** Gives a slot other numbers, and the right checksum for them. */
  private void forge(int which, int length, long seq) {
    ByteBuffer bytes = slot(0, which).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(0, MAGIC).putInt(8, length).putLong(16, seq);
    CRC32C crc = new CRC32C();
    crc.update(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putInt(4, SLOT));
    crc.update(bytes.slice(16, Math.clamp(length, 0, SLOT - 16)));
    bytes.putInt(12, (int) crc.getValue());
  }

  @Test
  void impossibleNumbersAreInvalid() throws ErrnoException {
    forge(1, 16, 1);
    assertThat(read(0)).as("the forgery is good").hasSize(8);
    for (int length : new int[] {-1, 0, 7, SLOT - 15, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      forge(1, length, 1);
      assertThat(read(0)).as("length %d", length).isEmpty();
    }
    for (long seq : new long[] {-1, 2, 0, Long.MIN_VALUE + 1, (1L << 62) + 1, Long.MAX_VALUE}) {
      forge(1, 16, seq);
      assertThat(read(0)).as("sequence number %d", seq).isEmpty();
    }
    forge(0, 16, 1L << 62);
    assertThat(read(0)).hasSize(8);
    assertThat(write(0, content(1, 1))).as("no later number").isEqualTo(-Errno.EUCLEAN);
  }

  @Test
  void aSlotOfAnotherRecordIsInvalid() throws ErrnoException {
    assertThat(write(0, content(1, 100))).isZero();
    slot(1, 1).copyFrom(slot(0, 1));
    assertThat(read(1)).isEmpty();
    assertThat(read(0)).isEqualTo(content(1, 100));
  }

  @Test
  void aTableWithOtherSlotsIsInvalid() throws ErrnoException {
    assertThat(write(0, content(1, 100))).isZero(); // in slot 1
    assertThat(write(0, content(2, 100))).isZero(); // in slot 0, where each table has its first
    assertThat(write(0, content(3, 100))).isZero(); // in slot 1
    table.close();
    table = new RecordTable(bdev, MAGIC, RECORDS, SLOT / 2);
    assertThat(read(0)).as("not the older version, which is the only one to be found").isEmpty();
  }

  @Test
  void aSmallDeviceIsRefused() {
    assertThatThrownBy(() -> new RecordTable(bdev, MAGIC, RECORDS + 1, SLOT).close())
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
        .hasMessageContaining("its records need " + 2L * (RECORDS + 1) * SLOT);
  }

  @ParameterizedTest
  @ValueSource(ints = {-4096, 0, 512, 4097})
  void aSlotIsWholeBlocks(int bytes) {
    assertThatThrownBy(() -> new RecordTable(bdev, MAGIC, RECORDS, bytes).close())
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void contentThatIsTooLongIsNotWritten() throws ErrnoException {
    assertThat(write(1, content(1, 100))).isZero();
    assertThatThrownBy(() -> write(1, content(2, table.capacity() + 1)))
        .isInstanceOf(java.nio.BufferOverflowException.class);
    remount();
    assertThat(read(1)).isEqualTo(content(1, 100));
  }

  @Test
  void aClosedTableRefusesCalls() {
    table.close();
    table.close();
    assertThatThrownBy(() -> write(0, content(1, 1))).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> read(0)).isInstanceOf(IllegalStateException.class);
  }
}
