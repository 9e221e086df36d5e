// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A file as a disk, both ways, with and without polling. */
@Timeout(120)
class HostDiskTest {
  private static final int BLOCK = 4096;
  private static final int BLOCKS = 600;
  private static final long BYTES = (long) BLOCKS * BLOCK;

  private Path image;
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = HostMemory.map(BYTES);

  @BeforeEach
  void makeImage(@TempDir Path directory) throws IOException {
    assertThat(task.enterKernel()).isTrue();
    image = directory.resolve("image");
    byte[] bytes = new byte[(int) BYTES];
    for (int block = 0; block < BLOCKS; block++) {
      bytes[block * BLOCK] = (byte) block;
      bytes[block * BLOCK + 1] = (byte) (block >> 8);
    }
    Files.write(image, bytes);
  }

  @AfterEach
  void leave() {
    task.leaveKernel();
    process.exit();
    HostMemory.unmap(memory, BYTES);
  }

  private HostDisk open(boolean uring) throws IOException {
    return HostDisk.open(image, false, uring);
  }

  private static int blockAt(long address) {
    return RawMemory.getShort(address) & 0xffff;
  }

  /** One bio of several pieces of memory, and its end. */
  private static final class Transfer {
    private final AtomicInteger ends = new AtomicInteger();
    private volatile int status = 1;

    int submit(Task current, BlockDevice device, long sector, int opf, long... pages) {
      Bio bio = Bio.alloc(current, device, sector, opf, Transfer::end, this);
      for (long page : pages) {
        assertThat(bio.addMemory(page, BLOCK)).isTrue();
      }
      return device.submitBio(current, bio);
    }

    private static void end(Bio bio) {
      Transfer transfer = (Transfer) bio.owner();
      assertThat(transfer).isNotNull();
      transfer.status = bio.status();
      bio.put();
      transfer.ends.incrementAndGet();
    }

    int await(BlockDevice device, int cookie) {
      while (ends.get() == 0) {
        device.queue().blkPoll(cookie, true);
        Thread.onSpinWait();
        assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      }
      assertThat(ends).hasValue(1);
      return status;
    }
  }

  private int doIo(BlockDevice device, boolean polled, long sector, int op, long... pages) {
    Transfer transfer = new Transfer();
    int cookie =
        transfer.submit(task, device, sector, op | (polled ? BlkTypes.REQ_HIPRI : 0), pages);
    return transfer.await(device, cookie);
  }

  @Test
  void saysWhich() throws IOException {
    try (HostDisk disk = open(false)) {
      assertThat(disk.access()).isEqualTo("pread and pwrite: as asked for");
    }
    try (HostDisk disk = open(true)) {
      assertThat(disk.access())
          .matches("io_uring, (O_DIRECT|buffered)(, IOPOLL)?|pread and pwrite: .+");
    }
  }

  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void readsWhatIsThereAndWritesWhatIsReadAgain(boolean uring, boolean polled) throws IOException {
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      assertThat(device.bytes()).isEqualTo(BYTES);
      for (int block = 0; block < BLOCKS; block += 7) {
        assertThat(doIo(device, polled, block * 8L, BlkTypes.REQ_OP_READ, memory)).isZero();
        assertThat(blockAt(memory)).isEqualTo(block);
      }
      RawMemory.putLong(memory, 0x1122334455667788L);
      assertThat(doIo(device, polled, 24, BlkTypes.REQ_OP_WRITE, memory)).isZero();
      assertThat(doIo(device, polled, 0, BlkTypes.REQ_OP_FLUSH)).isZero();
      assertThat(doIo(device, polled, 24, BlkTypes.REQ_OP_READ, memory + BLOCK)).isZero();
      assertThat(RawMemory.getLong(memory + BLOCK)).isEqualTo(0x1122334455667788L);
      assertThat(device.queue().busyTags()).isZero();
    }
    try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ)) {
      channel.read(RawMemory.segment(memory, BLOCK).asByteBuffer(), 3 * BLOCK);
    }
    assertThat(RawMemory.getLong(memory)).isEqualTo(0x1122334455667788L);
  }

  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void memoryInPieces(boolean uring, boolean polled) throws IOException {
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      long[] pages = new long[Bio.BIO_MAX_PAGES];
      for (int i = 0; i < pages.length; i++) {
        pages[i] = memory + (long) (BLOCKS - 1 - 2 * i) * BLOCK; // none next to the one before
      }
      assertThat(doIo(device, polled, 40, BlkTypes.REQ_OP_READ, pages)).isZero();
      for (int i = 0; i < pages.length; i++) {
        assertThat(blockAt(pages[i])).isEqualTo(5 + i);
      }
      assertThat(doIo(device, polled, 0, BlkTypes.REQ_OP_WRITE, pages)).isZero();
      assertThat(doIo(device, polled, 8L * (pages.length - 1), BlkTypes.REQ_OP_READ, memory))
          .isZero();
      assertThat(blockAt(memory)).isEqualTo(5 + pages.length - 1);
    }
  }

  /** Bios that follow each other become one request, each piece of memory in its place. */
  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void mergedBios(boolean uring, boolean polled) throws IOException {
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      int flags = polled ? BlkTypes.REQ_HIPRI : 0;
      for (int op : new int[] {BlkTypes.REQ_OP_READ, BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_READ}) {
        Transfer[] transfers = new Transfer[300]; // more than a request has vecs
        int[] cookies = new int[transfers.length];
        Plug plug = new Plug();
        assertThat(plug.start(task)).isTrue();
        for (int i = 0; i < transfers.length; i++) {
          transfers[i] = new Transfer();
          long page = memory + (long) (BLOCKS - 1 - i) * BLOCK;
          cookies[i] = transfers[i].submit(task, device, i * 8L, op | flags, page);
        }
        plug.finish(task);
        for (int i = 0; i < transfers.length; i++) {
          assertThat(transfers[i].await(device, cookies[i])).isZero();
          assertThat(blockAt(memory + (long) (BLOCKS - 1 - i) * BLOCK)).isEqualTo(i);
        }
      }
      assertThat(device.queue().stats().reads()).isBetween(1L, 40L);
    }
  }

  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void durableWrites(boolean uring, boolean polled) throws IOException {
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      RawMemory.putLong(memory, 77);
      int opf = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_FUA | BlkTypes.REQ_PREFLUSH;
      assertThat(doIo(device, polled, 8, opf, memory)).isZero();
      assertThat(Files.readAllBytes(image)[BLOCK]).isEqualTo((byte) 77);
      assertThat(device.flushAndWait(task)).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void withFaults(boolean uring, boolean polled) throws IOException {
    try (FaultDisk disk = FaultDisk.over(open(uring), FaultPlan.parse("error-at=2"))) {
      BlockDevice device = disk.disk("fault0", 1, false);
      for (int expected : new int[] {0, -Errno.EIO, 0}) {
        assertThat(doIo(device, polled, 40, BlkTypes.REQ_OP_READ, memory)).isEqualTo(expected);
      }
      assertThat(blockAt(memory)).isEqualTo(5);
      RawMemory.putLong(memory, 6);
      assertThat(doIo(device, polled, 40, BlkTypes.REQ_OP_WRITE, memory)).isZero();
      assertThat(disk.peek(5 * BLOCK, memory + BLOCK, BLOCK)).isZero();
      assertThat(blockAt(memory + BLOCK)).as("past the ring").isEqualTo(6);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void zeroes(boolean uring) throws IOException {
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      assertThat(device.zeroAndWait(task, 3 * BLOCK, 2 * BLOCK, BlockDevice.ZERO_NOUNMAP)).isZero();
      boolean discards = device.queue().limits().maxDiscardSectors() != 0;
      assertThat(discards && !uring).isFalse();
      int discarded = device.discardAndWait(task, 8 * BLOCK, 4 * BLOCK);
      assertThat(discarded).isEqualTo(discards ? 0 : -Errno.EOPNOTSUPP);
    }
    byte[] now = Files.readAllBytes(image);
    assertThat(now).hasSize((int) BYTES);
    assertThat(now[3 * BLOCK] | now[4 * BLOCK]).isZero();
    assertThat(now[2 * BLOCK]).isEqualTo((byte) 2);
    assertThat(now[5 * BLOCK]).isEqualTo((byte) 5);
    assertThat(now[12 * BLOCK]).isEqualTo((byte) 12);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void sectorsInMemoryThatIsAlignedToSectors(boolean uring) throws IOException {
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      assertThat(device.transferAndWait(task, 8 * BLOCK, memory + 512, 512, BlkTypes.REQ_OP_READ))
          .isZero();
      assertThat(blockAt(memory + 512)).isEqualTo(8);
      assertThat(
              device.transferAndWait(
                  task, 8 * BLOCK + 512, memory + 512, 512, BlkTypes.REQ_OP_WRITE))
          .isZero();
      assertThat(device.transferAndWait(task, 8 * BLOCK, memory, BLOCK, BlkTypes.REQ_OP_READ))
          .isZero();
      assertThat(blockAt(memory + 512)).isEqualTo(8);
    }
  }

  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void aFileThatBecameShorterIsAnIoError(boolean uring, boolean polled) throws IOException {
    try (HostDisk disk = open(uring);
        FileChannel other = FileChannel.open(image, StandardOpenOption.WRITE)) {
      BlockDevice device = disk.disk("file0", 1, false);
      other.truncate(10 * BLOCK + 700);
      assertThat(doIo(device, polled, 80, BlkTypes.REQ_OP_READ, memory))
          .as("half there")
          .isEqualTo(-Errno.EIO);
      assertThat(doIo(device, polled, 88, BlkTypes.REQ_OP_READ, memory))
          .as("gone")
          .isEqualTo(-Errno.EIO);
      assertThat(doIo(device, polled, 72, BlkTypes.REQ_OP_READ, memory)).as("there").isZero();
      assertThat(blockAt(memory)).isEqualTo(9);
    }
  }

  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void aFileThatIsOnlyReadRefusesWrites(boolean uring, boolean polled) throws IOException {
    try (HostDisk disk = HostDisk.open(image, true, uring)) {
      BlockDevice readOnly = disk.disk("file0", 1, true);
      assertThat(doIo(readOnly, polled, 0, BlkTypes.REQ_OP_WRITE, memory)).isEqualTo(-Errno.EPERM);
      assertThat(doIo(readOnly, polled, 0, BlkTypes.REQ_OP_READ, memory)).isZero();
      assertThat(doIo(readOnly, polled, 0, BlkTypes.REQ_OP_FLUSH)).isZero();
    }
  }

  /** A file's size need not be a multiple of a block; the disk is cut to whole blocks. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatIsBehindTheLastWholeSectorIsNotReachable(boolean uring) throws IOException {
    try (FileChannel other = FileChannel.open(image, StandardOpenOption.WRITE)) {
      other.truncate(3 * BLOCK + 512 + 100);
    }
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      assertThat(device.bytes()).isEqualTo(3 * BLOCK + 512);
      assertThat(device.transferAndWait(task, 3 * BLOCK, memory, 512, BlkTypes.REQ_OP_READ))
          .isZero();
      assertThat(blockAt(memory)).isEqualTo(3);
      assertThat(device.transferAndWait(task, 3 * BLOCK + 512, memory, 512, BlkTypes.REQ_OP_READ))
          .isEqualTo(-Errno.EIO);
    }
  }

  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void manyThreads(boolean uring, boolean polled) throws Exception {
    AtomicLong wrong = new AtomicLong();
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 6; t++) {
        int first = t * 100;
        Thread thread = new Thread(() -> wrong.addAndGet(copyBlocks(device, polled, first)));
        threads.add(thread);
        thread.start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(device.queue().busyTags()).isZero();
    }
    assertThat(wrong).hasValue(0);
  }

  /**
   * Reads and writes back 100 blocks, in batches, a few times. Returns the number of wrong ones.
   */
  private long copyBlocks(BlockDevice device, boolean polled, int first) {
    Task mine = process.newTask();
    assertThat(mine.enterKernel()).isTrue();
    int flags = polled ? BlkTypes.REQ_HIPRI : 0;
    long wrong = 0;
    Plug plug = new Plug();
    for (int round = 0; round < 20; round++) {
      for (int op : new int[] {BlkTypes.REQ_OP_READ, BlkTypes.REQ_OP_WRITE}) {
        Transfer[] transfers = new Transfer[100];
        int[] cookies = new int[100];
        boolean plugged = plug.start(mine);
        assertThat(plugged).isTrue();
        for (int i = 0; i < 100; i++) {
          transfers[i] = new Transfer();
          long at = memory + (long) (first + i) * BLOCK;
          cookies[i] = transfers[i].submit(mine, device, (first + i) * 8L, op | flags, at);
        }
        plug.finish(mine);
        for (int i = 0; i < 100; i++) {
          boolean good = transfers[i].await(device, cookies[i]) == 0;
          wrong += good && blockAt(memory + (long) (first + i) * BLOCK) == first + i ? 0 : 1;
        }
      }
    }
    mine.leaveKernel();
    return wrong;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void closingWaitsForWhatIsInFlightAndLeavesNothingOpen(boolean uring) throws IOException {
    open(uring).close(); // what is opened once stays open
    long before = descriptors();
    long threads = diskThreads();
    for (int i = 0; i < 5; i++) {
      List<Transfer> transfers = new ArrayList<>();
      try (HostDisk disk = open(uring)) {
        BlockDevice device = disk.disk("file0", 1, false);
        for (int block = 0; block < 100; block++) {
          Transfer transfer = new Transfer();
          // Without io_uring polled requests are done at polling, so there they would be in flight
          // forever.
          int flags = uring && block % 2 == 0 ? BlkTypes.REQ_HIPRI : 0;
          transfer.submit(
              task,
              device,
              block * 8L,
              BlkTypes.REQ_OP_READ | flags,
              memory + (long) block * BLOCK);
          transfers.add(transfer);
        }
      }
      assertThat(transfers).allMatch(transfer -> transfer.ends.get() == 1 && transfer.status == 0);
    }
    assertThat(descriptors()).isEqualTo(before);
    assertThat(diskThreads()).isEqualTo(threads);
  }

  /**
   * Thread.interrupt neither aborts I/O nor closes the file: later requests succeed, and the
   * interrupt status is kept.
   */
  @ParameterizedTest
  @CsvSource({"true,true", "true,false", "false,true", "false,false"})
  void anInterruptedThreadGoesOnAndKeepsItsMark(boolean uring, boolean polled) throws Exception {
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      Thread worker = Thread.currentThread();
      AtomicBoolean stop = new AtomicBoolean();
      Thread interrupter =
          new Thread(
              () -> {
                while (!stop.get()) {
                  worker.interrupt();
                  Thread.onSpinWait();
                }
              });
      interrupter.start();
      List<Integer> results = new ArrayList<>();
      long left = HostMemory.map(BLOCK);
      try {
        for (int turn = 0; turn < 2_000; turn++) {
          int block = turn % BLOCKS;
          Interrupted transfer = new Interrupted();
          results.add(transfer.run(task, device, polled, block * 8L, BlkTypes.REQ_OP_READ, left));
          results.add(transfer.run(task, device, polled, block * 8L, BlkTypes.REQ_OP_WRITE, left));
          if (turn % 100 == 0) {
            results.add(transfer.run(task, device, polled, 0, BlkTypes.REQ_OP_FLUSH));
          }
        }
        worker.interrupt();
        assertThat(new Interrupted().run(task, device, polled, 0, BlkTypes.REQ_OP_READ, left))
            .isZero();
        assertThat(Thread.currentThread().isInterrupted()).as("the mark").isTrue();
      } finally {
        stop.set(true);
        boolean ended = false;
        while (!ended) {
          ended = !interrupter.isAlive();
        }
        assertThat(Thread.interrupted()).isTrue();
        HostMemory.unmap(left, BLOCK);
      }
      assertThat(results).containsOnly(0);
    }
    try (HostDisk disk = open(uring)) {
      BlockDevice device = disk.disk("file0", 1, false);
      for (int block = 0; block < BLOCKS; block++) {
        assertThat(doIo(device, polled, block * 8L, BlkTypes.REQ_OP_READ, memory)).isZero();
        assertThat(blockAt(memory)).as("written back as it was read").isEqualTo(block);
      }
    }
  }

  /** A bio whose submitter may be interrupted. */
  private static final class Interrupted {
    private volatile int status;
    private volatile boolean done;

    int run(Task current, BlockDevice device, boolean polled, long sector, int op, long... pages) {
      done = false;
      Bio bio =
          Bio.alloc(
              current, device, sector, op | (polled ? BlkTypes.REQ_HIPRI : 0), this::end, null);
      for (long page : pages) {
        assertThat(bio.addMemory(page, BLOCK)).isTrue();
      }
      int cookie = device.submitBio(current, bio);
      while (!done) {
        device.queue().blkPoll(cookie, false);
        Thread.onSpinWait();
      }
      return status;
    }

    private void end(Bio bio) {
      status = bio.status();
      bio.put();
      done = true;
    }
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  private static long diskThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(t -> t.getName().equals("pollux-disk"))
        .count();
  }

  @Test
  void whatIsNotThereIsSaidInTheSameWay() {
    assertThatThrownBy(() -> HostDisk.open(image.resolveSibling("none"), true))
        .isInstanceOf(NoSuchFileException.class);
  }
}
