// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.sample.SampleImage;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Images that are none, or not whole, or say of themselves what cannot be: refused in one sentence.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BrokenImageTest {
  private static final int SUPERBLOCK = 512;
  private static final Duration BOUND = Duration.ofSeconds(20);

  // Fields of the superblock, big-endian.
  private static final int SB_BLOCKSIZE = 4;
  private static final int SB_DBLOCKS = 8;
  private static final int SB_LOGSTART = 48;
  private static final int SB_ROOTINO = 56;
  private static final int SB_AGBLOCKS = 84;
  private static final int SB_AGCOUNT = 88;
  private static final int SB_VERSIONNUM = 100;
  private static final int SB_SECTSIZE = 102;
  private static final int SB_INODESIZE = 104;
  private static final int SB_BLOCKLOG = 120;
  private static final int SB_DIRBLKLOG = 192;
  private static final int SB_FEATURES_RO_COMPAT = 212;
  private static final int SB_FEATURES_INCOMPAT = 216;
  private static final int SB_CRC = 224;

  private final RamDisk sample = SampleImage.load();

  @AfterAll
  void close() {
    sample.close();
  }

  /** Mounts the disk and answers why it was refused. */
  private static ErrnoException refusal(RamDisk disk) {
    return assertTimeoutPreemptively(
        BOUND,
        () -> {
          try (TestKernel kernel = TestKernel.boot()) {
            kernel.addDisk("ram0", TestDisk.shared(disk, true));
            ErrnoException refusal =
                catchThrowableOfType(ErrnoException.class, () -> kernel.mount("mnt", "ram0"));
            assertThat(refusal).as("a mount that is refused").isNotNull();
            assertThat(refusal.getMessage()).isNotBlank().doesNotContain("\n").doesNotEndWith(".");
            assertThat(refusal.errno()).isPositive();
            return refusal;
          }
        });
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 511, 512, 1024, 4096, 65536, 68 << 10, 1 << 20, 16 << 20, 150 << 20})
  void theFirstPartOfTheSample(long bytes) {
    RamDisk part = new RamDisk(bytes);
    try {
      RawMemory.copy(sample.address(), part.address(), bytes);
      refusal(part);
    } finally {
      part.close();
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 512, 4096})
  void theSampleWithoutItsEnd(long missing) {
    long bytes = sample.bytes() - missing;
    RamDisk part = new RamDisk(bytes);
    try {
      copySparsely(sample.address(), part.address(), bytes);
      refusal(part);
    } finally {
      part.close();
    }
  }

  private static void copySparsely(long from, long to, long bytes) {
    MemorySegment zeroes = MemorySegment.ofArray(new byte[4096]);
    for (long at = 0; at < bytes; at += 4096) {
      long length = Math.min(4096, bytes - at);
      if (RawMemory.segment(from + at, length).mismatch(zeroes.asSlice(0, length)) >= 0) {
        RawMemory.copy(from + at, to + at, length);
      }
    }
  }

  /** A field of the superblock: where, how many bytes, and a value that no filesystem can have. */
  static Stream<Arguments> fields() {
    return Stream.of(
        Arguments.of("blocksize 0", SB_BLOCKSIZE, 4, 0L),
        Arguments.of("blocksize 4097", SB_BLOCKSIZE, 4, 4097L),
        Arguments.of("blocksize 2 GiB", SB_BLOCKSIZE, 4, 1L << 31),
        Arguments.of("blocklog 63", SB_BLOCKLOG, 1, 63L),
        Arguments.of("blocklog 255", SB_BLOCKLOG, 1, 255L),
        Arguments.of("sectsize 0", SB_SECTSIZE, 2, 0L),
        Arguments.of("sectsize 513", SB_SECTSIZE, 2, 513L),
        Arguments.of("sectsize 32768", SB_SECTSIZE, 2, 32768L),
        Arguments.of("inodesize 0", SB_INODESIZE, 2, 0L),
        Arguments.of("inodesize 511", SB_INODESIZE, 2, 511L),
        Arguments.of("dirblklog 255", SB_DIRBLKLOG, 1, 255L),
        Arguments.of("agblocks 0", SB_AGBLOCKS, 4, 0L),
        Arguments.of("agblocks -1", SB_AGBLOCKS, 4, 0xffffffffL),
        Arguments.of("agcount 0", SB_AGCOUNT, 4, 0L),
        Arguments.of("agcount -1", SB_AGCOUNT, 4, 0xffffffffL),
        Arguments.of("dblocks 0", SB_DBLOCKS, 8, 0L),
        Arguments.of("dblocks -1", SB_DBLOCKS, 8, -1L),
        Arguments.of("dblocks 2^62", SB_DBLOCKS, 8, 1L << 62),
        Arguments.of("logstart outside", SB_LOGSTART, 8, 1L << 50),
        Arguments.of("rootino outside", SB_ROOTINO, 8, 1L << 50),
        Arguments.of("rootino -1", SB_ROOTINO, 8, -1L),
        Arguments.of("version 4", SB_VERSIONNUM, 2, 0xb4a4L),
        Arguments.of("version 6", SB_VERSIONNUM, 2, 0xb4a6L),
        Arguments.of("unknown incompat", SB_FEATURES_INCOMPAT, 4, 0x80000001L));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("fields")
  void aSuperblockThatSaysNonsense(String what, int at, int width, long value) {
    withField(at, width, value, true, () -> refusal(sample));
  }

  @Test
  void anUnknownFeatureIsRefusedByItsBit() {
    withField(
        SB_FEATURES_INCOMPAT,
        4,
        0x80000001L,
        true,
        () -> {
          ErrnoException refusal = refusal(sample);
          assertThat(refusal.errno()).isEqualTo(Errno.EINVAL);
          assertThat(refusal.getMessage())
              .containsIgnoringCase("incompat")
              .containsIgnoringCase("80000000");
        });
  }

  @Test
  void anUnknownFeatureThatReadersMayIgnoreIsIgnored() {
    withField(
        SB_FEATURES_RO_COMPAT,
        4,
        0x8000000dL,
        true,
        () -> {
          try (TestKernel kernel = TestKernel.boot()) {
            kernel.addDisk("ram0", TestDisk.shared(sample, true));
            kernel.mount("mnt", "ram0");
          } catch (ErrnoException e) {
            throw new AssertionError(e);
          }
        });
  }

  @Test
  void aSuperblockWithAWrongSum() {
    withField(
        SB_CRC,
        4,
        0x12345678,
        false,
        () -> assertThat(refusal(sample).errno()).isIn(Errno.EUCLEAN, Errno.EIO));
    withField(
        SB_DBLOCKS,
        8,
        76801,
        false,
        () -> assertThat(refusal(sample).errno()).isIn(Errno.EUCLEAN, Errno.EIO));
  }

  /**
   * Does something while a field of the superblock has another value; with a sum that is right or
   * not.
   */
  private void withField(int at, int width, long value, boolean rightSum, Runnable work) {
    long superblock = sample.address();
    byte[] whole = RawMemory.segment(superblock, SUPERBLOCK).toArray(ValueLayout.JAVA_BYTE);
    for (int i = 0; i < width; i++) {
      RawMemory.putByte(superblock + at + i, (byte) (value >>> (Byte.SIZE * (width - 1 - i))));
    }
    if (rightSum) {
      MetadataForger.makeSumRight(superblock, SUPERBLOCK);
    }
    try {
      work.run();
    } finally {
      MemorySegment.copy(
          MemorySegment.ofArray(whole),
          0,
          RawMemory.segment(superblock, SUPERBLOCK),
          0,
          SUPERBLOCK);
    }
  }

  // What the command line says.

  /** Files that are no image of anything. */
  private static Path make(Path directory, String kind) throws IOException {
    Path file = directory.resolve("image");
    return switch (kind) {
      case "missing" -> directory.resolve("nothing-here");
      case "directory" -> directory;
      case "empty" -> Files.createFile(file);
      case "byte" -> Files.write(file, new byte[] {'X'});
      case "text" ->
          Files.writeString(file, "This is no filesystem, it is a text about one.\n".repeat(3000));
      case "magic" -> Files.write(file, "XFSB".getBytes(StandardCharsets.US_ASCII));
      case "half a superblock" -> Files.write(file, head(300));
      case "one megabyte" -> Files.write(file, head(1 << 20));
      case "zeroes" -> Files.write(file, new byte[1 << 20]);
      case "line\nbreak" -> Files.writeString(directory.resolve("two\nlines"), "no image");
      default -> throw new AssertionError(kind);
    };
  }

  private static byte[] head(int bytes) {
    RamDisk sample = SampleImage.load();
    try {
      return RawMemory.segment(sample.address(), bytes).toArray(ValueLayout.JAVA_BYTE);
    } finally {
      sample.close();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "missing",
        "directory",
        "empty",
        "byte",
        "text",
        "magic",
        "half a superblock",
        "one megabyte",
        "zeroes"
      })
  void isRefusedInOneLine(String kind, @TempDir Path directory) throws IOException {
    Path image = make(directory, kind);
    TargetSpec spec = TargetSpec.SAMPLE.withImage(image);
    assertThatThrownBy(() -> Target.open(spec, false).close())
        .hasMessageMatching("[^\n]+: [^\n]+")
        .hasMessageContaining(image.toString())
        .isNotInstanceOfAny(
            NullPointerException.class, IllegalStateException.class, ArithmeticException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"missing", "empty", "text", "one megabyte", "line\nbreak"})
  void isRefusedByTheCommandLine(String kind, @TempDir Path directory)
      throws IOException, InterruptedException {
    CommandLineRun.of("ls", "--image", make(directory, kind).toString()).assertRefused();
  }

  @Test
  void aFileThatIsSpoiledIsAFaultThatIsNamed(@TempDir Path directory)
      throws IOException, InterruptedException {
    Path image = directory.resolve("image");
    try (GoldenSample golden = new GoldenSample()) {
      // The root of the fragmented file's tree points to blocks that nothing else reads.
      long extents =
          golden.metadata().keySet().stream()
              .filter(at -> ByteBuffer.wrap(golden.peek(at, 4)).getInt() == 0x424d4133)
              .findFirst()
              .orElseThrow();
      golden.poke(extents + 100, new byte[] {(byte) ~golden.peek(extents + 100, 1)[0]});
      writeSparsely(golden.disk(), image);
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
    CommandLineRun run = CommandLineRun.of("cat", "--image", image.toString(), "/fragmented.dat");
    assertThat(run.status()).as(run.err()).isEqualTo(1);
    assertThat(run.err()).matches("pollux: [^\n]*fragmented.dat: [^\n]+\n");
    CommandLineRun other = CommandLineRun.of("cat", "--image", image.toString(), "/dirs/target");
    assertThat(other.status()).as(other.err()).isZero();
    assertThat(other.out()).isEqualTo("one file under many names\n");
  }

  private static void writeSparsely(RamDisk disk, Path to) throws IOException {
    MemorySegment zeroes = MemorySegment.ofArray(new byte[4096]);
    try (FileChannel channel =
        FileChannel.open(to, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (long at = 0; at < disk.bytes(); at += 4096) {
        MemorySegment block = RawMemory.segment(disk.address() + at, 4096);
        if (at == disk.bytes() - 4096 || block.mismatch(zeroes) >= 0) {
          channel.write(block.asByteBuffer(), at);
        }
      }
    }
  }
}
