// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.core.host.HostCall;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.DmaMapping;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Memory that is registered with the machine's rings, as the machine sees it: on both kinds of
 * ring.
 */
@Timeout(60)
class RegisteredBuffersTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final int BLOCKS = 64;
  private static final int PAGES = 64;
  private static final int TABLE = BufferTable.ENTRIES;
  // what older kernels show of an empty entry
  private static final String NO_ENTRY = "0xffffffffffffffff";

  // Of x86-64 Linux.
  private static final long NR_MMAP = 9;
  private static final long NR_CAPGET = 125;
  private static final long NR_CAPSET = 126;
  private static final long NR_PRLIMIT64 = 302;
  private static final long PROT_READ_WRITE = 3;
  private static final long MAP_PRIVATE_FIXED_ANONYMOUS = 0x32;
  private static final long RLIMIT_MEMLOCK = 8;
  private static final int CAPABILITY_VERSION = 0x20080522;
  private static final int CAP_IPC_LOCK = 1 << 14;

  private Path image;
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = HostMemory.map(PAGES * PAGE);
  private final AtomicInteger ended = new AtomicInteger();
  private volatile int status;

  @BeforeEach
  void makeImage(@TempDir Path directory) throws IOException {
    assertThat(task.enterKernel()).isTrue();
    image = directory.resolve("image");
    byte[] bytes = new byte[BLOCKS * PAGE];
    for (int block = 0; block < BLOCKS; block++) {
      bytes[block * PAGE] = (byte) (block + 1);
    }
    Files.write(image, bytes);
  }

  @AfterEach
  void leave() throws IOException {
    assertThat(registered()).isEmpty();
    task.leaveKernel();
    process.exit();
    HostMemory.unmap(memory, PAGES * PAGE);
  }

  /** The disk; the test is skipped where the machine has no io_uring. */
  private UringDisk open(boolean iopoll) {
    try {
      return UringDisk.open(image, false, iopoll);
    } catch (IOException e) {
      // then it fails
      assumeTrue("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES")), e.getMessage());
      throw new AssertionError(e);
    }
  }

  private static BlockDevice device(UringDisk disk) {
    RequestQueue queue =
        new RequestQueue(disk, new TagSet(1, 1, RequestQueue.DEFAULT_DEPTH, true), disk.limits());
    return new BlockDevice("file0", 1, (long) BLOCKS * PAGE, false, queue);
  }

  private static DmaMapping mapping(long address, long bytes) {
    return new DmaMapping(new long[] {address}, new long[] {bytes});
  }

  /**
   * The buffers that the host lists for the rings of this process: address and length of each
   * entry.
   */
  private static List<String> registered() throws IOException {
    List<String> all = new ArrayList<>();
    try (DirectoryStream<Path> fds = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path fd : fds) {
        if (Files.isSymbolicLink(fd)
            && Files.readSymbolicLink(fd).toString().equals("anon_inode:[io_uring]")) {
          all.addAll(registered(Path.of("/proc/self/fdinfo").resolve(fd.getFileName())));
        }
      }
    }
    return all;
  }

  /**
   * Reads the host's list for one ring. The host omits it while a thread is in a call for the ring,
   * so this retries.
   */
  private static List<String> registered(Path ring) throws IOException {
    for (int attempt = 0; attempt < 10_000; attempt++) {
      List<String> lines = Files.readAllLines(ring);
      int first = lines.indexOf("UserBufs:\t" + TABLE) + 1;
      if (first > 0) {
        List<String> entries = new ArrayList<>();
        for (String line : lines.subList(first, Math.min(first + TABLE, lines.size()))) {
          if (line.matches(" *\\d+: 0x.*") && !line.contains(NO_ENTRY)) {
            entries.add(line.substring(line.indexOf(':') + 1).strip());
          }
        }
        return entries;
      }
      Thread.onSpinWait();
    }
    throw new AssertionError("no table of buffers in " + Files.readString(ring));
  }

  private static String entry(long address, long bytes) {
    return "0x" + Long.toHexString(address) + "/" + bytes;
  }

  private void end(Bio bio) {
    status = bio.status();
    bio.put();
    ended.getAndIncrement();
  }

  /** Moves one block, without registered memory if there is no mapping. */
  private void move(
      BlockDevice device, boolean polled, int op, int block, DmaMapping mapping, long address) {
    int before = ended.get();
    Bio bio =
        Bio.alloc(
            task, device, block * 8L, op | (polled ? BlkTypes.REQ_HIPRI : 0), this::end, null);
    if (mapping == NONE) {
      assertThat(bio.addMemory(address, PAGE)).isTrue();
    } else {
      BvecIter iter = new BvecIter();
      iter.init(op == BlkTypes.REQ_OP_READ, address, PAGE, mapping);
      assertThat(bio.iovIterGetPages(iter)).isZero();
    }
    int cookie = device.submitBio(task, bio);
    while (ended.get() == before) {
      if (polled) {
        device.queue().blkPoll(cookie, true);
      }
      Thread.onSpinWait();
      assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
    }
    assertThat(status).isZero();
  }

  private static final DmaMapping NONE = mapping(0, 0);

  private int read(
      BlockDevice device, boolean polled, int block, DmaMapping mapping, long address) {
    RawMemory.putByte(address, (byte) 0);
    move(device, polled, BlkTypes.REQ_OP_READ, block, mapping, address);
    return RawMemory.getByte(address) & 0xff;
  }

  /** Other pages at the same addresses, as a C program may have them that unmaps and maps. */
  private static void remap(long address, long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      long result =
          HostCall.call(
              HostCall.newState(arena),
              NR_MMAP,
              address,
              bytes,
              PROT_READ_WRITE,
              MAP_PRIVATE_FIXED_ANONYMOUS,
              -1,
              0);
      assertThat(result).isEqualTo(address);
    }
  }

  /**
   * The pages belong to the mapping, not the addresses, as the pages of a fixed buffer do in Linux.
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void oneAddressTwoMappings(boolean polled) throws IOException {
    try (UringDisk disk = open(false)) {
      BlockDevice device = device(disk);
      DmaMapping old = mapping(memory, 4 * PAGE);
      assertThat(registered()).isEmpty();
      assertThat(read(device, polled, 7, old, memory)).isEqualTo(8);
      assertThat(registered()).containsExactly(entry(memory, 4 * PAGE));
      assertThat(read(device, polled, 8, old, memory + 3 * PAGE)).isEqualTo(9);
      assertThat(registered()).as("once").hasSize(1);

      remap(memory, 4 * PAGE);
      assertThat(read(device, polled, 20, old, memory))
          .as("goes to the pages that were there")
          .isZero();
      assertThat(read(device, polled, 21, NONE, memory)).as("goes to those that are").isEqualTo(22);
      RawMemory.putByte(memory, (byte) 99);
      move(device, polled, BlkTypes.REQ_OP_WRITE, 30, old, memory);
      assertThat(read(device, polled, 30, NONE, memory)).as("what block 20 had").isEqualTo(21);

      DmaMapping now = mapping(memory, 4 * PAGE);
      assertThat(read(device, polled, 22, now, memory)).isEqualTo(23);
      assertThat(registered()).hasSize(2);
      assertThat(read(device, polled, 23, old, memory)).isZero();
      old.close();
      assertThat(registered()).hasSize(1);
      assertThat(read(device, polled, 24, now, memory)).isEqualTo(25);
      assertThat(read(device, polled, 25, old, memory))
          .as("closed: an address like any other")
          .isEqualTo(26);
      now.close();
      assertThat(registered()).isEmpty();
      assertThat(disk.access()).endsWith(", registered buffers");
    }
  }

  /** Both rings at once, each with its own entry. Also with IOPOLL, if the file supports it. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void bothRings(boolean iopoll) throws IOException {
    try (UringDisk disk = open(iopoll)) {
      BlockDevice device = device(disk);
      assertThat(disk.access()).doesNotContain("registered");
      try (DmaMapping mapping = mapping(memory, 2 * PAGE)) {
        assertThat(read(device, true, 3, mapping, memory)).isEqualTo(4);
        assertThat(read(device, false, 4, mapping, memory + PAGE)).isEqualTo(5);
        assertThat(registered()).containsExactly(entry(memory, 2 * PAGE), entry(memory, 2 * PAGE));
        move(device, false, BlkTypes.REQ_OP_WRITE, 9, mapping, memory);
        assertThat(read(device, true, 9, mapping, memory + PAGE)).isEqualTo(4);
      }
      assertThat(registered()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aDiskThatGoesFirst(boolean polled) throws IOException {
    DmaMapping mapping = mapping(memory, PAGE);
    try (UringDisk disk = open(false)) {
      assertThat(read(device(disk), polled, 3, mapping, memory)).isEqualTo(4);
    }
    assertThat(registered()).isEmpty();
    try (UringDisk disk = open(false)) {
      assertThat(read(device(disk), polled, 4, mapping, memory)).isEqualTo(5);
      assertThat(registered()).hasSize(1);
      mapping.close();
      assertThat(registered()).isEmpty();
    }
  }

  /**
   * Memory that the machine has not got can't be registered; what else may be wrong with it shows
   * in the request.
   */
  @Test
  void memoryThatIsNotThere() throws IOException {
    try (UringDisk disk = open(false)) {
      BlockDevice device = device(disk);
      try (DmaMapping mapping = mapping(1 << 20, PAGES * PAGE)) {
        assertThat(read(device, true, 3, mapping, memory)).isEqualTo(4);
        Bio bio =
            Bio.alloc(task, device, 0, BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI, this::end, null);
        BvecIter iter = new BvecIter();
        iter.init(true, 1 << 20, PAGE, mapping);
        assertThat(bio.iovIterGetPages(iter)).isZero();
        int cookie = device.submitBio(task, bio);
        while (ended.get() == 1) {
          device.queue().blkPoll(cookie, true);
        }
        assertThat(status).isNegative();
      }
      assertThat(disk.access()).endsWith(", buffers not registered: Bad address");
    }
  }

  /** The host limits a ring's locked memory unless its creator had CAP_IPC_LOCK. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theLimitOfLockedMemory(boolean polled) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = HostCall.newState(arena);
      MemorySegment header = arena.allocateFrom(ValueLayout.JAVA_INT, CAPABILITY_VERSION, 0);
      MemorySegment capabilities = arena.allocate(ValueLayout.JAVA_INT, 6);
      MemorySegment limit = arena.allocate(ValueLayout.JAVA_LONG, 2);
      call(state, NR_CAPGET, header.address(), capabilities.address(), 0, 0);
      call(state, NR_PRLIMIT64, 0, RLIMIT_MEMLOCK, 0, limit.address());
      int effective = capabilities.get(ValueLayout.JAVA_INT, 0);
      long soft = limit.get(ValueLayout.JAVA_LONG, 0);
      capabilities.set(ValueLayout.JAVA_INT, 0, effective & ~CAP_IPC_LOCK);
      call(state, NR_CAPSET, header.address(), capabilities.address(), 0, 0);
      UringDisk disk = open(false); // its rings count too, so the limit comes after them
      try {
        limit.set(ValueLayout.JAVA_LONG, 0, 8L * PAGE);
        call(state, NR_PRLIMIT64, 0, RLIMIT_MEMLOCK, limit.address(), 0);
        beyondTheLimit(disk, polled);
      } finally {
        disk.close();
        capabilities.set(ValueLayout.JAVA_INT, 0, effective);
        call(state, NR_CAPSET, header.address(), capabilities.address(), 0, 0);
        limit.set(ValueLayout.JAVA_LONG, 0, soft);
        call(state, NR_PRLIMIT64, 0, RLIMIT_MEMLOCK, limit.address(), 0);
      }
    }
  }

  private static void call(MemorySegment state, long nr, long a0, long a1, long a2, long a3) {
    assertThat(HostCall.call(state, nr, a0, a1, a2, a3, 0, 0)).isZero();
  }

  private void beyondTheLimit(UringDisk disk, boolean polled) throws IOException {
    try (DmaMapping mapping = mapping(memory, PAGES * PAGE)) {
      BlockDevice device = device(disk);
      for (int block = 0; block < BLOCKS; block++) {
        assertThat(read(device, polled, block, mapping, memory + (long) block * PAGE))
            .isEqualTo(block + 1);
      }
      assertThat(registered()).isEmpty();
      assertThat(disk.access()).endsWith(", buffers not registered: Cannot allocate memory");
    }
  }

  /** Mappings that come and go while the other thread's requests are in flight on the same ring. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void mappingsThatEndBesideOthersRequests(boolean polled) throws Exception {
    try (UringDisk disk = open(false)) {
      BlockDevice device = device(disk);
      Task other = process.newTask();
      CountDownLatch go = new CountDownLatch(1);
      List<Throwable> failures = new ArrayList<>();
      Thread churn =
          new Thread(
              () -> {
                try {
                  go.await();
                  assertThat(other.enterKernel()).isTrue();
                  for (int round = 0; round < 300; round++) {
                    long address = memory + (32 + round % 16) * (long) PAGE;
                    try (DmaMapping mapping = mapping(address, 2 * PAGE)) {
                      AtomicInteger result = new AtomicInteger(1);
                      int flags = BlkTypes.REQ_OP_READ | (polled ? BlkTypes.REQ_HIPRI : 0);
                      Bio bio =
                          Bio.alloc(
                              other,
                              device,
                              round % BLOCKS * 8L,
                              flags,
                              done -> {
                                int status = done.status();
                                done.put();
                                result.set(status);
                              },
                              null);
                      BvecIter iter = new BvecIter();
                      iter.init(true, address, PAGE, mapping);
                      assertThat(bio.iovIterGetPages(iter)).isZero();
                      int cookie = device.submitBio(other, bio);
                      while (result.get() == 1) {
                        if (polled) {
                          device.queue().blkPoll(cookie, true);
                        }
                        Thread.onSpinWait();
                      }
                      assertThat(result.get()).isZero();
                      assertThat(RawMemory.getByte(address)).isEqualTo((byte) (round % BLOCKS + 1));
                    }
                  }
                } catch (Throwable e) {
                  failures.add(e);
                } finally {
                  other.leaveKernel();
                }
              });
      churn.start();
      go.countDown();
      DmaMapping mapping = mapping(memory, 4 * PAGE);
      int reads = 0;
      while (churn.isAlive()) {
        assertThat(read(device, polled, reads % BLOCKS, mapping, memory))
            .isEqualTo(reads % BLOCKS + 1);
        reads++;
      }
      churn.join();
      assertThat(failures).isEmpty();
      assertThat(registered()).containsExactly(entry(memory, 4 * PAGE));
      mapping.close();
    }
  }

  /**
   * Reads and writes with and without mappings that live for some requests, against a model of the
   * disk.
   */
  @Test
  void aMixture() throws IOException {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("RegisteredBuffersTest: -Dpollux.seed=" + seed);
    SplittableRandom random = new SplittableRandom(seed);
    byte[] model = new byte[BLOCKS];
    for (int block = 0; block < BLOCKS; block++) {
      model[block] = (byte) (block + 1);
    }
    DmaMapping[] mappings = new DmaMapping[4]; // of a quarter of the memory each
    int quarter = PAGES / mappings.length;
    try (UringDisk disk = open(false)) {
      BlockDevice device = device(disk);
      for (int i = 0; i < mappings.length; i++) {
        mappings[i] = pieces(random, i * quarter, quarter);
      }
      for (int step = 0; step < 4000; step++) {
        int which = random.nextInt(mappings.length);
        if (random.nextInt(50) == 0) {
          mappings[which].close();
          mappings[which] = pieces(random, which * quarter, quarter);
        }
        long address = memory + (which * quarter + random.nextInt(quarter)) * (long) PAGE;
        DmaMapping mapping = random.nextInt(3) == 0 ? NONE : mappings[which];
        boolean polled = random.nextBoolean();
        int block = random.nextInt(BLOCKS);
        if (random.nextBoolean()) {
          assertThat(read(device, polled, block, mapping, address))
              .as("step %d", step)
              .isEqualTo(model[block] & 0xff);
        } else {
          model[block] = (byte) random.nextInt();
          RawMemory.putByte(address, model[block]);
          move(device, polled, BlkTypes.REQ_OP_WRITE, block, mapping, address);
        }
      }
      for (DmaMapping mapping : mappings) {
        mapping.close();
      }
      assertThat(registered()).isEmpty();
    }
    byte[] bytes = Files.readAllBytes(image);
    for (int block = 0; block < BLOCKS; block++) {
      assertThat(bytes[block * PAGE]).as("block %d", block).isEqualTo(model[block]);
    }
  }

  /** Some of the pages: what lies between them goes the way of all other memory. */
  private DmaMapping pieces(SplittableRandom random, int first, int pages) {
    long[] addresses = new long[pages];
    long[] bytes = new long[pages];
    for (int i = 0; i < pages; i++) {
      addresses[i] = memory + (first + i) * (long) PAGE;
      bytes[i] = random.nextInt(4) == 0 ? 0 : PAGE;
    }
    return new DmaMapping(addresses, bytes);
  }
}
