// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files of extents through the page cache: every kind of extent, blocks smaller than pages, the
 * ends of files.
 */
class IomapPagesTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final List<Iomap.Type> KINDS =
      List.of(Iomap.Type.HOLE, Iomap.Type.MAPPED, Iomap.Type.UNWRITTEN);
  private static final int DISK_BYTES = 4 << 20;
  private static final int MEMORY_BYTES = 64 * PAGE;

  private final RamDisk disk = new RamDisk(DISK_BYTES);
  private final BlockDevice bdev = disk.disk("ram", 0x100, false);
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(MEMORY_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);

  IomapPagesTest() {
    current.enterKernel();
    new Random(1).ints(DISK_BYTES / 4).forEach(new IntStore(disk.address())::put);
  }

  /** Fills memory with ints. */
  private static final class IntStore {
    private long at;

    IntStore(long at) {
      this.at = at;
    }

    void put(int value) {
      RawMemory.putInt(at, value);
      at += Integer.BYTES;
    }
  }

  @AfterEach
  void close() {
    current.leaveKernel();
    process.exit();
    bdev.pageCache().drop();
    disk.close();
  }

  private long read(ExtentFile file, long pos, long bytes, int flags) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), true, memory, bytes)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.kiPos = pos;
    iocb.kiFlags = flags;
    return Filemap.read(current, iocb, iter, file.mapping());
  }

  private static byte[] bytes(long address, int count) {
    return RawMemory.segment(address, count).toArray(ValueLayout.JAVA_BYTE);
  }

  @ParameterizedTest
  @ValueSource(ints = {512, 1024, 4096, 65_536})
  void randomExtentsReadAsTheyAre(int blockSize) {
    Random random = new Random(blockSize);
    for (int turn = 0; turn < 20; turn++) {
      int size = 1 + random.nextInt(50 * PAGE);
      ExtentFile file = new ExtentFile(bdev, size);
      byte[] model = new byte[size];
      int at = 0;
      while (at < size) {
        int length = (1 + random.nextInt(6)) * blockSize;
        long addr = (long) random.nextInt((DISK_BYTES - length) / blockSize) * blockSize;
        Iomap.Type type = KINDS.get(random.nextInt(KINDS.size()));
        file.setExtent(type, at, length, addr);
        if (type == Iomap.Type.MAPPED) {
          int inside = Math.min(length, size - at);
          System.arraycopy(bytes(disk.address() + addr, inside), 0, model, at, inside);
        }
        at += length;
      }
      RawMemory.segment(memory, MEMORY_BYTES).fill((byte) 1);
      assertThat(read(file, 0, MEMORY_BYTES, 0)).isEqualTo(size);
      assertThat(bytes(memory, size)).isEqualTo(model);
      int from = random.nextInt(size);
      assertThat(read(file, from, MEMORY_BYTES, Kiocb.IOCB_NOWAIT))
          .as("all of it is in memory")
          .isEqualTo(size - from);
      assertThat(bytes(memory, size - from)).isEqualTo(Arrays.copyOfRange(model, from, size));
    }
  }

  @Test
  void inlineDataIsCopied() {
    ExtentFile file = new ExtentFile(bdev, 300);
    file.setExtent(Iomap.Type.INLINE, 0, 300, disk.address() + 7);
    assertThat(read(file, 0, PAGE, 0)).isEqualTo(300);
    assertThat(bytes(memory, 300)).isEqualTo(bytes(disk.address() + 7, 300));
  }

  @Test
  void aFileMayReachToTheLastPosition() {
    ExtentFile file = new ExtentFile(bdev, Long.MAX_VALUE);
    long last = Long.MAX_VALUE - PAGE + 1;
    file.setExtent(Iomap.Type.MAPPED, last, PAGE - 1, 8192);
    RawMemory.segment(memory, MEMORY_BYTES).fill((byte) 1);
    assertThat(read(file, last - PAGE, 2 * PAGE - 1, 0)).isEqualTo(2 * PAGE - 1);
    assertThat(bytes(memory, PAGE)).isEqualTo(new byte[PAGE]);
    assertThat(bytes(memory + PAGE, PAGE - 1)).isEqualTo(bytes(disk.address() + 8192, PAGE - 1));
  }

  @Test
  void theLastPageOfTheLargestFileIsWrittenBack() {
    ExtentFile file = new ExtentFile(bdev, Long.MAX_VALUE);
    long last = Long.MAX_VALUE - PAGE + 1;
    file.setExtent(Iomap.Type.MAPPED, last, PAGE - 1, 8192);
    RawMemory.segment(memory, MEMORY_BYTES).fill((byte) 1);
    long index = last >> HostMemory.PAGE_SHIFT;
    assertThat(new IomapPages(file, file, null).writePages(current, index, new long[] {memory}, 1))
        .isZero();
    byte[] expected = new byte[PAGE];
    Arrays.fill(expected, 0, PAGE - 1, (byte) 1);
    assertThat(bytes(disk.address() + 8192, PAGE)).isEqualTo(expected);
  }

  @Test
  void errorsComeThrough() {
    ExtentFile file = new ExtentFile(bdev, 10 * PAGE);
    file.failWith(Errno.EUCLEAN);
    assertThat(read(file, 0, 100, 0)).isEqualTo(-Errno.EUCLEAN);
    file.failWith(0);
    // beyond the device
    file.setExtent(Iomap.Type.MAPPED, 5 * PAGE, PAGE, DISK_BYTES);
    assertThat(read(file, 0, 10 * PAGE, 0)).as("up to the bad page").isEqualTo(5 * PAGE);
    assertThat(read(file, 5 * PAGE, 1, 0)).isEqualTo(-Errno.EIO);
    assertThat(read(file, 6 * PAGE, PAGE, 0)).isEqualTo(PAGE);
    assertThat(bdev.queue().busyTags()).isZero();
  }

  @Test
  void inlineDataIsNotWritten() {
    ExtentFile file = new ExtentFile(bdev, PAGE);
    file.setExtent(Iomap.Type.INLINE, 0, PAGE, disk.address());
    byte[] before = bytes(disk.address(), PAGE);
    assertThat(new IomapPages(file, file, null).writePages(current, 0, new long[] {memory}, 1))
        .isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(bytes(disk.address(), PAGE)).isEqualTo(before);
  }
}
