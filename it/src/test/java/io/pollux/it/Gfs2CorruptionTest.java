// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.pollux.block.BlkMqOps;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The GFS2 sample, spoiled at random. GFS2 has no checksums, so a file that needs a spoiled block
 * may read wrong data. The mount fails with a sentence, or a walk over everything completes without
 * an exception and with nothing held. Errors are EIO. Every file that does not need the block reads
 * as before. Which blocks a file needs, from the superblock down its path to its data, is learnt
 * from what is read while it is read alone.
 *
 * <p>-Dpollux.seed=N draws the same again; -Dpollux.corruptions=N makes so many of each kind.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class Gfs2CorruptionTest {
  private static final int BLOCK = 4096;
  private static final int LOG_HEADER = 8;
  private static final int LOG_HEADERS_LEFT_OUT = 64;
  private static final int USUAL = 150;
  private static final Duration BOUND = Duration.ofSeconds(60);

  /**
   * Besides damage: links to nowhere, in circles, to names that are too long; what is no directory
   * any more.
   */
  private static final Set<Integer> GOOD_ERRORS =
      Set.of(
          Errno.EIO,
          Errno.EUCLEAN,
          Errno.ENOENT,
          Errno.ELOOP,
          Errno.ENAMETOOLONG,
          Errno.ENOTDIR,
          Errno.EINVAL);

  /** A file, its sum, and the blocks that were read to read it. */
  private record Known(PathName path, String sum, Set<Long> needs) {}

  private final RamDisk disk;
  private final List<Known> files = new ArrayList<>();
  private final List<Long> mountBlocks; // that every mount reads: the journal, most of all
  private final List<Long> metadataBlocks; // others with metadata
  private final List<Long> otherBlocks = new ArrayList<>();

  Gfs2CorruptionTest(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    disk = Gfs2Images.load(Gfs2Images.unpackSample(directory));
    LinuxView linux = Gfs2Images.sampleView();
    Set<Long> metadata = new HashSet<>();
    for (Map.Entry<PathName, String> sum : linux.sums().entrySet()) {
      PathName path = ImageReader.ROOT.resolve(sum.getKey());
      Set<Long> needs = new HashSet<>();
      try (TestKernel kernel = TestKernel.boot()) {
        kernel.addDisk("ram0", TestDisk.driven(recording(needs, metadata), disk.bytes()));
        kernel.mount("mnt", "ram0");
        assertThat(read(kernel, path)).isEqualTo(sum.getValue());
      }
      files.add(new Known(path, sum.getValue(), needs));
    }
    walk(recording(new HashSet<>(), metadata), disk.bytes()); // directories
    Set<Long> mount = new HashSet<>(files.getFirst().needs);
    files.forEach(file -> mount.retainAll(file.needs));
    mountBlocks =
        mount.stream()
            .filter(block -> !isLogHeader(block) || block % LOG_HEADERS_LEFT_OUT == 0)
            .sorted()
            .toList();
    metadataBlocks = metadata.stream().filter(block -> !mount.contains(block)).sorted().toList();
    for (long block = 0; block < disk.bytes() / BLOCK; block++) {
      if (!metadata.contains(block) && !isZero(block)) {
        otherBlocks.add(block);
      }
    }
    System.out.println(
        "Gfs2CorruptionTest: %d blocks for the mount, %d with metadata, %d others"
            .formatted(mountBlocks.size(), metadataBlocks.size(), otherBlocks.size()));
    assertThat(mountBlocks).hasSizeGreaterThan(20);
    assertThat(metadataBlocks).hasSizeGreaterThan(200);
    assertThat(otherBlocks).hasSizeGreaterThan(4096);
  }

  @AfterAll
  void close() {
    disk.close();
  }

  /** Blocks of the journal, of which there are so many that nothing else would be drawn. */
  private boolean isLogHeader(long block) {
    return peek(block * BLOCK + 4, 4)
            .get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), 0)
        == LOG_HEADER;
  }

  private boolean isZero(long block) {
    return peek(block * BLOCK, BLOCK).mismatch(MemorySegment.ofArray(new byte[BLOCK])) < 0;
  }

  private MemorySegment peek(long at, int bytes) {
    return RawMemory.segment(disk.address() + at, bytes);
  }

  private static String read(TestKernel kernel, PathName path) {
    Program program = kernel.newProgram();
    try (UserFiles files = new UserFiles(program)) {
      return FileRead.BUFFERED.sum(program, files, path);
    }
  }

  /** The disk, and a record of the blocks that are read: all, and those with metadata. */
  private ObservedDisk recording(Set<Long> all, Set<Long> metadata) {
    return new ObservedDisk(
        disk,
        (at, address, bytes, isMetadata) -> {
          for (long block = at / BLOCK; block <= (at + bytes - 1) / BLOCK; block++) {
            all.add(block);
            if (isMetadata) {
              metadata.add(block);
            }
          }
        });
  }

  private static ForgedWalk walk(BlkMqOps driver, long bytes) throws ErrnoException {
    ForgedWalk walk = new ForgedWalk();
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("ram0", TestDisk.driven(driver, bytes));
      kernel.mount("mnt", "ram0");
      walk.run(kernel.newProgram(), ImageReader.ROOT);
      kernel.assertNothingHeld();
    }
    return walk;
  }

  @Test
  void singleBytes() {
    run("single bytes", this::singleByte);
  }

  @Test
  void wholeBlocks() {
    run("blocks", this::block);
  }

  private interface Draw {
    /** Spoils what is in a block. Answers how. */
    String spoil(byte[] block, SplittableRandom random);
  }

  /** Mostly in the front of the block, where the structure is. */
  private String singleByte(byte[] block, SplittableRandom random) {
    int at = random.nextInt(random.nextBoolean() ? 512 : BLOCK);
    block[at] ^= (byte) random.nextInt(1, 256);
    return "byte " + at + " becomes " + (block[at] & 0xff);
  }

  /** Random bytes, zeroes, or a block from somewhere else. */
  private String block(byte[] block, SplittableRandom random) {
    switch (random.nextInt(3)) {
      case 0 -> {
        random.nextBytes(block);
        return "random bytes";
      }
      case 1 -> {
        Arrays.fill(block, (byte) 0);
        return "zeroes";
      }
      default -> {
        long from = pick(random);
        MemorySegment.copy(peek(from * BLOCK, BLOCK), 0, MemorySegment.ofArray(block), 0, BLOCK);
        return "block " + from;
      }
    }
  }

  private long pick(SplittableRandom random) {
    List<Long> blocks =
        switch (random.nextInt(8)) {
          case 0 -> mountBlocks;
          case 1 -> otherBlocks;
          default -> metadataBlocks;
        };
    return blocks.get(random.nextInt(blocks.size()));
  }

  private void run(String what, Draw draw) {
    Seed seed = Seed.of(Gfs2CorruptionTest.class);
    int count = Seed.count("pollux.corruptions", USUAL);
    int refused = 0;
    TreeMap<String, Integer> errors = new TreeMap<>();
    for (int i = 0; i < count; i++) {
      SplittableRandom random = seed.random(i);
      long block = pick(random);
      byte[] original = peek(block * BLOCK, BLOCK).toArray(ValueLayout.JAVA_BYTE);
      byte[] spoiled = original.clone();
      String how =
          "corruption "
              + i
              + " of seed "
              + seed.value()
              + ", block "
              + block
              + ": "
              + draw.spoil(spoiled, random);
      peek(block * BLOCK, BLOCK).copyFrom(MemorySegment.ofArray(spoiled));
      try {
        Map<Integer, Integer> seen = assertTimeoutPreemptively(BOUND, () -> check(block), how);
        refused += seen.isEmpty() ? 1 : 0;
        seen.forEach((errno, n) -> errors.merge(Errno.name(errno), n, Integer::sum));
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(how, e);
      } finally {
        peek(block * BLOCK, BLOCK).copyFrom(MemorySegment.ofArray(original));
      }
    }
    System.out.println(
        "Gfs2CorruptionTest: "
            + count
            + " "
            + what
            + ": "
            + refused
            + " refused, errors: "
            + errors);
  }

  /** Reads everything. Answers which errors there were, none at all if it can't be mounted. */
  private Map<Integer, Integer> check(long spoiled) {
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("ram0", TestDisk.shared(disk, true));
      try {
        kernel.mount("mnt", "ram0");
      } catch (ErrnoException e) {
        assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
        assertThat(files)
            .as("files that do not need the block")
            .allMatch(file -> file.needs.contains(spoiled));
        return Map.of();
      }
      for (Known file : files) {
        if (!file.needs.contains(spoiled)) {
          assertThat(read(kernel, file.path))
              .as("%s, which does not need it", file.path)
              .isEqualTo(file.sum);
        }
      }
      ForgedWalk walk = new ForgedWalk();
      try {
        walk.run(kernel.newProgram(), ImageReader.ROOT);
      } catch (SyscallException e) {
        assertThat(e.errno()).isEqualTo(Errno.EIO); // of the root itself
      }
      assertThat(GOOD_ERRORS).as("errors").containsAll(walk.errors().keySet());
      kernel.assertNothingHeld();
      return new TreeMap<>(walk.errors());
    }
  }
}
