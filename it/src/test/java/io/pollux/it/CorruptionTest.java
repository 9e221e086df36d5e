// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * The sample, corrupted at random. Either the mount fails with one sentence, or each name, link,
 * directory and file is read correctly or returns an error. No call takes long or throws, and
 * nothing is held afterwards.
 *
 * <p>The corrupted blocks are drawn from those that are not all zeroes. Half of the draws are
 * blocks with metadata, which are far fewer than the others.
 *
 * <p>Other metadata is changed and then given a correct checksum, as an attacker would. Then any
 * data may be read, but the read still returns, and the rest of the above holds.
 *
 * <p>-Dpollux.seed=N repeats a run; -Dpollux.corruptions=N sets the number of each kind.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CorruptionTest {
  private static final int BLOCK = 4096;
  private static final int USUAL = 150;
  private static final Duration BOUND = Duration.ofSeconds(20);
  private static final Set<Integer> GOOD_ERRORS = Set.of(Errno.EUCLEAN, Errno.EIO);

  private final List<Long> metadataBlocks = new ArrayList<>();
  private final List<Long> otherBlocks = new ArrayList<>();
  private final GoldenSample sample;

  CorruptionTest() throws IOException, ErrnoException {
    sample = new GoldenSample();
  }

  @BeforeAll
  void findBlocks() {
    for (long at = 0; at < sample.disk().bytes(); at += BLOCK) {
      if (!isZero(at)) {
        (isMetadata(at) ? metadataBlocks : otherBlocks).add(at);
      }
    }
    System.out.println(
        "CorruptionTest: "
            + metadataBlocks.size()
            + " blocks with metadata, "
            + otherBlocks.size()
            + " others");
    assertThat(metadataBlocks).hasSizeGreaterThan(100);
    assertThat(otherBlocks).hasSizeGreaterThan(4096);
  }

  private boolean isZero(long at) {
    MemorySegment block = RawMemory.segment(sample.disk().address() + at, BLOCK);
    return block.mismatch(MemorySegment.ofArray(new byte[BLOCK])) < 0;
  }

  private boolean isMetadata(long at) {
    Map.Entry<Long, Integer> before = sample.metadata().floorEntry(at + BLOCK - 1);
    return before != null && before.getKey() + before.getValue() > at;
  }

  @AfterAll
  void close() {
    sample.close();
  }

  /** A stretch of the disk, and what it is to be instead. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Corruption(long at, byte[] bytes, String what) {
    @Override
    public String toString() {
      return what + " at byte " + at;
    }
  }

  @Test
  void singleBytes() {
    run("single bytes", this::singleByte);
  }

  @Test
  void wholeBlocks() {
    run("blocks", this::block);
  }

  private Corruption singleByte(SplittableRandom random) {
    long at = pick(random) + random.nextInt(BLOCK);
    byte flipped = (byte) random.nextInt(1, 256);
    return new Corruption(
        at, new byte[] {(byte) (sample.peek(at, 1)[0] ^ flipped)}, "another byte");
  }

  /**
   * A block of random bytes, of zeroes, or a block from somewhere else with sums that are right
   * there.
   */
  private Corruption block(SplittableRandom random) {
    long at = pick(random);
    byte[] bytes = new byte[BLOCK];
    return switch (random.nextInt(3)) {
      case 0 -> {
        random.nextBytes(bytes);
        yield new Corruption(at, bytes, "random bytes");
      }
      case 1 -> new Corruption(at, bytes, "zeroes");
      default -> {
        long from = pick(random);
        yield new Corruption(at, sample.peek(from, BLOCK), "the block of byte " + from);
      }
    };
  }

  @Test
  void forgedMetadata() {
    Seed seed = Seed.of(CorruptionTest.class);
    int count = Seed.count("pollux.corruptions", USUAL);
    int refused = 0;
    long seen = 0;
    TreeMap<String, Integer> errors = new TreeMap<>();
    for (int i = 0; i < count; i++) {
      MetadataForger forger = new MetadataForger(sample, seed.random(i));
      try {
        ForgedWalk walk = new ForgedWalk();
        boolean mounted = assertTimeoutPreemptively(BOUND, () -> walks(walk));
        refused += mounted ? 0 : 1;
        seen += walk.seen();
        walk.errors().forEach((errno, n) -> errors.merge(Errno.name(errno), n, Integer::sum));
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("forgery " + i + " of seed " + seed.value() + ", " + forger, e);
      } finally {
        forger.undo();
      }
    }
    System.out.println(
        "CorruptionTest: "
            + count
            + " forgeries: "
            + refused
            + " refused, "
            + seen
            + " names seen, errors: "
            + errors);
  }

  private boolean walks(ForgedWalk walk) {
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("ram0", TestDisk.shared(sample.disk(), true));
      try {
        kernel.mount("mnt", "ram0");
      } catch (ErrnoException e) {
        assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
        return false;
      }
      walk.run(kernel.newProgram(), ImageReader.ROOT);
      return true;
    }
  }

  private long pick(SplittableRandom random) {
    List<Long> blocks = random.nextBoolean() ? metadataBlocks : otherBlocks;
    return blocks.get(random.nextInt(blocks.size()));
  }

  private interface Draw {
    Corruption from(SplittableRandom random);
  }

  private void run(String what, Draw draw) {
    Seed seed = Seed.of(CorruptionTest.class);
    int count = Seed.count("pollux.corruptions", USUAL);
    int refused = 0;
    int noticed = 0;
    for (int i = 0; i < count; i++) {
      Corruption corruption = draw.from(seed.random(i));
      byte[] original = sample.peek(corruption.at, corruption.bytes.length);
      sample.poke(corruption.at, corruption.bytes);
      try {
        int errors =
            assertTimeoutPreemptively(
                BOUND, () -> errors(), () -> corruption + ", seed " + seed.value());
        refused += errors < 0 ? 1 : 0;
        noticed += errors > 0 ? 1 : 0;
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(
            "corruption " + i + " of seed " + seed.value() + ", " + corruption, e);
      } finally {
        sample.poke(corruption.at, original);
      }
    }
    System.out.println(
        "CorruptionTest: "
            + count
            + " "
            + what
            + ": "
            + refused
            + " refused, "
            + noticed
            + " with errors, the rest harmless");
  }

  /** Mounts and reads everything. Answers the number of errors, -1 if it can't be mounted. */
  private int errors() {
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("ram0", TestDisk.shared(sample.disk(), true));
      try {
        kernel.mount("mnt", "ram0");
      } catch (ErrnoException e) {
        assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
        return -1;
      }
      Program program = kernel.newProgram();
      return sample.check(program, GOOD_ERRORS);
    }
  }
}
