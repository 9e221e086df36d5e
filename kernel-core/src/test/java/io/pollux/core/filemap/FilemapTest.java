// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.fixture.ArrayIo;
import io.pollux.core.fixture.FakeInode;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files through the page cache: against a model, at its limits, and with everything that can go
 * wrong.
 */
class FilemapTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final int MEMORY_BYTES = 80 * PAGE;

  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(MEMORY_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
  private final List<PageCache> caches = new ArrayList<>();

  FilemapTest() {
    current.enterKernel();
  }

  @AfterEach
  void close() {
    caches.forEach(PageCache::drop);
    current.leaveKernel();
    process.exit();
  }

  private static File open(Mapping file) {
    return FakeInode.open(new FileTable(), file, Fcntl.O_RDWR);
  }

  private PageCache cache(int pages) {
    PageCache made = new PageCache(pages * PAGE);
    caches.add(made);
    return made;
  }

  private static long rw(
      Task task, Mapping file, boolean read, long pos, long address, long bytes, int flags) {
    IovecIter iter = new IovecIter();
    int result = iter.importSingleRange(task.mm(), read, address, bytes);
    assertThat(result).isZero();
    Kiocb iocb = new Kiocb();
    iocb.kiPos = pos;
    iocb.kiFlags = flags;
    long moved =
        read ? Filemap.read(task, iocb, iter, file) : Filemap.write(task, iocb, iter, file);
    assertThat(iocb.kiPos).isEqualTo(pos + Math.max(moved, 0));
    return moved;
  }

  private long read(Mapping file, long pos, long bytes) {
    return rw(current, file, true, pos, memory, bytes, 0);
  }

  private long write(Mapping file, long pos, long bytes) {
    return rw(current, file, false, pos, memory, bytes, 0);
  }

  private void fill(int value, int bytes) {
    RawMemory.segment(memory, bytes).fill((byte) value);
  }

  private byte[] memory(int bytes) {
    return RawMemory.segment(memory, bytes).toArray(ValueLayout.JAVA_BYTE);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 64, 300})
  void randomOperationsAgreeWithAModel(int pages) {
    long seed = System.nanoTime();
    System.out.println("FilemapTest: " + pages + " pages, seed " + seed);
    Random random = new Random(seed);
    PageCache cache = cache(pages);
    int[] sizes = {100 * PAGE, 33 * PAGE + 512, 700};
    ArrayIo[] ios = new ArrayIo[sizes.length];
    Mapping[] files = new Mapping[sizes.length];
    byte[][] models = new byte[sizes.length][];
    File[] opened = new File[sizes.length];
    for (int i = 0; i < sizes.length; i++) {
      ios[i] = new ArrayIo(sizes[i]);
      random.nextBytes(ios[i].device);
      models[i] = ios[i].device.clone();
      files[i] = new Mapping(cache, ios[i]);
      opened[i] = open(files[i]);
    }
    for (int turn = 0; turn < 4000; turn++) {
      int i = random.nextInt(sizes.length);
      int pos = random.nextInt(sizes[i]);
      int bytes = 1 + random.nextInt(Math.min(MEMORY_BYTES, random.nextBoolean() ? 300 : sizes[i]));
      int inside = Math.min(bytes, sizes[i] - pos);
      String what = "seed " + seed + ", turn " + turn;
      switch (random.nextInt(13)) {
        case 0, 1, 2, 3 -> {
          assertThat(read(files[i], pos, bytes)).as(what).isEqualTo(inside);
          assertThat(memory(inside))
              .as(what)
              .isEqualTo(Arrays.copyOfRange(models[i], pos, pos + inside));
        }
        case 4, 5, 6, 7 -> {
          byte[] data = new byte[inside];
          random.nextBytes(data);
          MemorySegment.copy(
              data, 0, RawMemory.segment(memory, inside), ValueLayout.JAVA_BYTE, 0, inside);
          assertThat(write(files[i], pos, inside)).as(what).isEqualTo(inside);
          System.arraycopy(data, 0, models[i], pos, inside);
        }
        case 8 -> { // a direct read
          assertThat(files[i].writeAndWaitRange(current, pos, pos + inside - 1)).as(what).isZero();
          assertThat(Arrays.copyOfRange(ios[i].device, pos, pos + inside))
              .as(what)
              .isEqualTo(Arrays.copyOfRange(models[i], pos, pos + inside));
        }
        case 9 -> { // a direct write
          files[i].writeAndWaitRange(current, pos, pos + inside - 1);
          files[i].invalidateRange(pos, pos + inside - 1);
          byte[] data = new byte[inside];
          random.nextBytes(data);
          System.arraycopy(data, 0, ios[i].device, pos, inside);
          System.arraycopy(data, 0, models[i], pos, inside);
          files[i].invalidateRange(pos, pos + inside - 1);
        }
        case 10 -> { // a range is zeroed beneath
          files[i].truncateRange(current, pos, pos + inside - 1);
          Arrays.fill(ios[i].device, pos, pos + inside, (byte) 0);
          Arrays.fill(models[i], pos, pos + inside, (byte) 0);
          assertThat(files[i].invalidateTruncated(pos, pos + inside - 1)).as(what).isZero();
        }
        case 11 -> {
          assertThat(files[i].fsyncRange(current, opened[i], 0, Long.MAX_VALUE)).as(what).isZero();
          assertThat(ios[i].device).as(what).isEqualTo(models[i]);
          assertThat(files[i].nrDirty()).as(what).isZero();
        }
        default -> files[i].invalidateAll();
      }
      assertThat(cache.nrPages()).as(what).isLessThanOrEqualTo(pages);
    }
    for (int i = 0; i < sizes.length; i++) {
      assertThat(files[i].fsyncRange(current, opened[i], 0, Long.MAX_VALUE)).isZero();
      assertThat(ios[i].device).as("seed " + seed).isEqualTo(models[i]);
      files[i].invalidateAll();
      assertThat(files[i].isEmpty()).isTrue();
    }
    assertThat(cache.nrPages()).isZero();
    assertThat(cache.nrDirty()).isZero();
  }

  @Test
  void readingAheadMakesFewReads() {
    ArrayIo io = new ArrayIo(256 * PAGE);
    Mapping file = new Mapping(cache(512), io);
    for (int at = 0; at < 256; at++) {
      assertThat(read(file, (long) at * PAGE, PAGE)).isEqualTo(PAGE);
    }
    assertThat(io.reads.get()).as("32, 64, 128 and 32 pages").isEqualTo(4);
    file.invalidateAll();
    assertThat(read(file, 100 * PAGE, 10)).isEqualTo(10);
    assertThat(file.rangeHasPage(101 * PAGE, 255 * PAGE))
        .as("a page somewhere is read alone")
        .isFalse();
    assertThat(read(file, 0, 80 * PAGE)).isEqualTo(80 * PAGE);
    assertThat(io.reads.get()).as("long reads go in long runs").isEqualTo(4 + 1 + 1);
  }

  @Test
  void nowaitTakesWhatIsThere() {
    ArrayIo io = new ArrayIo(10 * PAGE + 100);
    Mapping file = new Mapping(cache(16), io);
    int nowait = Kiocb.IOCB_NOWAIT;
    assertThat(rw(current, file, true, 0, memory, 10, nowait)).isEqualTo(-Errno.EAGAIN);
    assertThat(rw(current, file, false, 5, memory, 10, nowait)).isEqualTo(-Errno.EAGAIN);
    assertThat(io.reads.get()).isZero();
    assertThat(rw(current, file, false, PAGE, memory, PAGE + 1, nowait))
        .as("a whole page")
        .isEqualTo(PAGE);
    assertThat(rw(current, file, false, 10 * PAGE, memory, 100, nowait))
        .as("up to the end")
        .isEqualTo(100);
    assertThat(rw(current, file, true, PAGE + 5, memory, 3 * PAGE, nowait))
        .as("the head")
        .isEqualTo(PAGE - 5);
    assertThat(rw(current, file, true, 10 * PAGE, memory, PAGE, nowait)).isEqualTo(100);
    assertThat(rw(current, file, true, 10 * PAGE + 100, memory, PAGE, nowait))
        .as("the end")
        .isZero();
    assertThat(io.reads.get()).isZero();
  }

  @Test
  void badMemoryCutsAReadAndAWriteShort() {
    ArrayIo io = new ArrayIo(4 * PAGE);
    Arrays.fill(io.device, (byte) 7);
    Mapping file = new Mapping(cache(16), io);
    long end = memory + MEMORY_BYTES;
    assertThat(rw(current, file, true, 0, end, PAGE, 0)).isEqualTo(-Errno.EFAULT);
    file.invalidateAll();
    fill(1, PAGE);
    assertThat(rw(current, file, false, 0, end, PAGE, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(file.isEmpty()).as("a new page with nothing in it goes").isTrue();
    Iovec.iovBase(memory + PAGE, memory);
    Iovec.iovLen(memory + PAGE, 1000);
    Iovec.iovBase(memory + PAGE + Iovec.SIZE, end);
    Iovec.iovLen(memory + PAGE + Iovec.SIZE, 2 * PAGE - 1000);
    IovecIter iter = new IovecIter();
    assertThat(iter.importIovec(process.mm(), false, memory + PAGE, 2)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.kiPos = PAGE;
    assertThat(Filemap.write(current, iocb, iter, file)).isEqualTo(1000);
    assertThat(file.writeAndWaitRange(current, 0, Long.MAX_VALUE)).isZero();
    byte[] expected = new byte[4 * PAGE];
    Arrays.fill(expected, (byte) 7);
    Arrays.fill(expected, PAGE, PAGE + 1000, (byte) 1);
    assertThat(io.device).isEqualTo(expected);
  }

  @Test
  void aBadPageFailsOnlyItsReader() {
    ArrayIo io = new ArrayIo(64 * PAGE);
    Mapping file = new Mapping(cache(128), io);
    io.badRead = 5;
    assertThat(read(file, 0, PAGE)).as("read ahead over the bad one").isEqualTo(PAGE);
    assertThat(read(file, 4 * PAGE, 3 * PAGE)).as("up to it").isEqualTo(PAGE);
    assertThat(read(file, 5 * PAGE, 1)).isEqualTo(-Errno.EIO);
    assertThat(write(file, 5 * PAGE + 1, 1)).isEqualTo(-Errno.EIO);
    assertThat(write(file, 5 * PAGE, PAGE)).as("written whole").isEqualTo(PAGE);
    assertThat(read(file, 5 * PAGE, 1)).isEqualTo(1);
  }

  @Test
  void theWindowOfASequentialReadDoubles() {
    ArrayIo io = new ArrayIo(1024 * PAGE);
    Mapping file = new Mapping(cache(1024), io);
    List<Integer> windows = new ArrayList<>(); // cached pages after each read from the device
    for (int page = 0; page < 1024; page++) {
      int reads = io.reads.get();
      assertThat(read(file, (long) page * PAGE, PAGE)).isEqualTo(PAGE);
      if (io.reads.get() > reads) {
        windows.add(page);
      }
    }
    assertThat(windows)
        .as("first pages of the windows")
        .containsExactly(0, 32, 96, 224, 480, 736, 992);
  }

  @Test
  void anErrorOfAWriteIsToldOnceByFsync() {
    ArrayIo io = new ArrayIo(64 * PAGE);
    Mapping file = new Mapping(cache(128), io);
    File opened = open(file);
    fill(3, PAGE);
    io.badWrite = 5;
    assertThat(write(file, 5 * PAGE, PAGE)).isEqualTo(PAGE);
    assertThat(write(file, 9 * PAGE, PAGE)).isEqualTo(PAGE);
    assertThat(file.writeAndWaitRange(current, 0, 6 * PAGE)).isEqualTo(-Errno.EIO);
    assertThat(file.nrDirty()).isEqualTo(1);
    assertThat(file.fsyncRange(current, opened, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EIO);
    assertThat(io.device[9 * PAGE]).isEqualTo((byte) 3);
    assertThat(file.fsyncRange(current, opened, 0, Long.MAX_VALUE)).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      longs = {
        0,
        1,
        PAGE - 1,
        PAGE,
        2 * PAGE + 7,
        7 * PAGE,
        8 * PAGE,
        Long.MAX_VALUE - PAGE,
        Long.MAX_VALUE
      })
  void aRangeMayEndAtTheLastByteThatThereCanBe(long start) {
    ArrayIo io = new ArrayIo(8 * PAGE);
    Mapping file = new Mapping(cache(16), io);
    fill(3, 8 * PAGE);
    assertThat(write(file, 0, 8 * PAGE)).isEqualTo(8 * PAGE);
    file.truncateRange(current, start, Long.MAX_VALUE);
    int whole =
        (int) Math.min(8, (start >> HostMemory.PAGE_SHIFT) + ((start & (PAGE - 1)) != 0 ? 1 : 0));
    assertThat(file.nrDirty()).as("pages with a byte before the range").isEqualTo(whole);
    assertThat(file.rangeHasPage((long) whole << HostMemory.PAGE_SHIFT, Long.MAX_VALUE)).isFalse();
    assertThat(file.invalidateTruncated(start, Long.MAX_VALUE)).isZero();
    assertThat(file.writeAndWaitRange(current, 0, Long.MAX_VALUE)).isZero();
    byte[] expected = new byte[8 * PAGE];
    Arrays.fill(expected, 0, (int) Math.min(8 * PAGE, start), (byte) 3);
    assertThat(io.device).isEqualTo(expected);
  }

  @Test
  void whatADirectWriteOvertakesIsReadAgain() {
    ArrayIo io = new ArrayIo(PAGE);
    Mapping file = new Mapping(cache(4), io);
    io.duringRead =
        () -> { // the page has the old data already
          io.duringRead = () -> {};
          io.device[0] = 42;
          file.invalidateRange(0, 511);
        };
    assertThat(read(file, 0, 1)).isEqualTo(1);
    assertThat(RawMemory.getByte(memory)).isEqualTo((byte) 42);
    assertThat(io.reads.get()).isEqualTo(2);
  }

  @Test
  void aPageThatADirectWriteOvertakesWhileItIsFilledReportsALostWrite() {
    ArrayIo io = new ArrayIo(PAGE);
    Mapping file = new Mapping(cache(4), io);
    File open = open(file);
    io.duringRead =
        () -> { // the page has the old data already
          io.duringRead = () -> {};
          io.device[0] = 42;
          file.invalidateWritten(0, 511);
        };
    fill(7, 100);
    assertThat(write(file, 1000, 100)).isEqualTo(100);
    assertThat(file.fsyncRange(current, open, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EIO);
    assertThat(file.fsyncRange(current, open, 0, Long.MAX_VALUE)).as("reported once").isZero();
    open.fput(current);
  }

  @Test
  void aDirtyPageUnderADirectWriteReportsALostWrite() {
    Mapping file = new Mapping(cache(4), new ArrayIo(4 * PAGE));
    File open = open(file);
    assertThat(write(file, PAGE, PAGE)).isEqualTo(PAGE);
    file.invalidateWritten(0, PAGE - 1);
    file.invalidateWritten(2L * PAGE, Long.MAX_VALUE);
    assertThat(file.fsyncRange(current, open, 0, 0)).as("beside it").isZero();
    assertThat(write(file, PAGE, PAGE)).isEqualTo(PAGE);
    file.invalidateWritten(2L * PAGE - 1, 2L * PAGE);
    assertThat(file.nrDirty()).as("it stays").isEqualTo(1);
    assertThat(file.fsyncRange(current, open, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EIO);
    open.fput(current);
  }

  @Test
  void writersThatMakeTooMuchDirtyWriteItBack() {
    ArrayIo io = new ArrayIo(64 * PAGE);
    PageCache cache = cache(64);
    Mapping file = new Mapping(cache, io);
    assertThat(write(file, 0, 30 * PAGE)).isEqualTo(30 * PAGE);
    assertThat(cache.nrDirty()).isEqualTo(30);
    assertThat(write(file, 30 * PAGE, 10 * PAGE)).isEqualTo(10 * PAGE);
    assertThat(cache.nrDirty()).isZero();
    assertThat(io.writes.get()).as("in one run").isEqualTo(1);
  }

  @Test
  void memoryGoesWhenNothingIsCached() {
    PageCache cache = cache(8);
    Mapping file = new Mapping(cache, new ArrayIo(4 * PAGE));
    assertThat(read(file, 0, PAGE)).isEqualTo(PAGE);
    cache.trim();
    assertThat(cache.nrPages()).isEqualTo(4);
    file.invalidateAll();
    cache.trim();
    assertThat(cache.nrPages()).isZero();
    assertThat(read(file, 0, PAGE)).as("and comes again").isEqualTo(PAGE);
  }

  /**
   * Threads write and read their own bytes of shared pages, in a cache that is far too small for
   * them.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 3, 16})
  void threadsShareFewPages(int pages) throws Exception {
    int threads = 4;
    ArrayIo io = new ArrayIo(40 * PAGE);
    Mapping file = new Mapping(cache(pages), io);
    List<CompletableFuture<Void>> done = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int me = t;
      done.add(
          CompletableFuture.runAsync(
              () -> ownBytes(file, me, threads), task -> new Thread(task).start()));
    }
    for (CompletableFuture<Void> one : done) {
      one.get(60, TimeUnit.SECONDS);
    }
    assertThat(file.writeAndWaitRange(current, 0, Long.MAX_VALUE)).isZero();
  }

  private void ownBytes(Mapping file, int me, int threads) {
    Task task = process.newTask();
    task.enterKernel();
    Random random = new Random(me);
    byte[] mine = new byte[40 * PAGE / 64 / threads];
    long address = memory + (long) me * PAGE;
    for (int turn = 0; turn < 3000; turn++) {
      int slot = random.nextInt(mine.length);
      long pos = (slot * (long) threads + me) * 64; // 64 bytes of mine, then those of the others
      if (random.nextBoolean()) {
        mine[slot] = (byte) random.nextInt();
        RawMemory.segment(address, 64).fill(mine[slot]);
        assertThat(rw(task, file, false, pos, address, 64, 0)).isEqualTo(64);
      } else {
        assertThat(rw(task, file, true, pos, address, 64, 0)).isEqualTo(64);
        assertThat(RawMemory.getByte(address)).isEqualTo(mine[slot]);
        assertThat(RawMemory.getByte(address + 63)).isEqualTo(mine[slot]);
      }
      if (turn % 200 == 0) {
        file.writeAndWaitRange(task, 0, Long.MAX_VALUE);
      }
    }
    task.leaveKernel();
  }
}
