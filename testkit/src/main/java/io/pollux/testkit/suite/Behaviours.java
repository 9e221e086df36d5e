// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.PolluxKernel;
import io.pollux.testkit.PolluxSeed;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Statfs;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What all parts of {@link FileSystemSuite} share: a kernel, and a file with known content. */
@ExtendWith(SuiteReport.class)
@Timeout(120)
abstract class Behaviours {
  static final int PAGE = Calls.PAGE;
  static final int O_RDONLY = Fcntl.O_RDONLY;
  static final int O_RDWR = Fcntl.O_RDWR;
  static final int O_CREATE = Fcntl.O_RDWR | Fcntl.O_CREAT;
  static final int O_DIRECT = Fcntl.O_DIRECT;

  @RegisterExtension final PolluxKernel pollux = PolluxKernel.bare();

  SuiteFileSystem fileSystem;

  @SuppressWarnings("NullAway.Init") // start or the behaviour itself sets both
  Machine machine;

  @SuppressWarnings("NullAway.Init")
  Calls fs;

  Random random;
  private long seed;
  private boolean started;

  /** Hides the constructor from other packages. */
  Behaviours() {}

  /**
   * Describes the filesystem under test. Called for each behaviour.
   *
   * @return the filesystem and its features
   */
  protected abstract SuiteFileSystem fileSystem();

  /** A file with known content. */
  static final class Sample {
    private final String path;
    private final byte[] content;

    Sample(String path, byte[] content) {
      this.path = path;
      this.content = content;
    }

    String path() {
      return path;
    }

    /** Returns the content, which a behaviour changes with the file. */
    byte[] content() {
      return content;
    }

    int size() {
      return content.length;
    }

    byte[] part(long from, long to) {
      return Arrays.copyOfRange(content, (int) from, (int) to);
    }
  }

  @BeforeEach
  void start(TestInfo info, TestKernel kernel, @PolluxSeed long seed) throws Exception {
    this.seed = seed;
    random = new Random(seed);
    fileSystem = fileSystem();
    Needs needs = info.getTestMethod().map(Behaviours::needsOf).orElse(null);
    if (needs != null) {
      need(needs.value());
    }
    if (needs == null || needs.machine()) {
      use(fileSystem.start(kernel));
      started = true;
    }
  }

  /** Makes all further calls on a machine. */
  final void use(Machine next) {
    machine = next;
    fs = fs == null ? new Calls(next, next.directory()) : new Calls(next, fs);
  }

  private static Needs needsOf(Method method) {
    return method.getAnnotation(Needs.class);
  }

  /** Skips the behaviour unless the filesystem declares features. */
  final void need(Feature... features) {
    for (Feature feature : features) {
      if (!fileSystem.has(feature)) {
        throw new NotDeclaredException(fileSystem.name(), feature);
      }
    }
  }

  @AfterEach
  void end() {
    if (started) {
      started = false;
      fs.close();
      machine.close();
    }
  }

  /** Returns the calls of the behaviour for a failure. */
  List<String> calls() {
    return fs == null ? List.of() : fs.log();
  }

  long seed() {
    return seed;
  }

  final boolean has(Feature feature) {
    return fileSystem.has(feature);
  }

  /** Whether the filesystem itself is read-only, so that each change is EROFS. */
  final boolean isReadOnly() {
    assertOk(fs.statfs(""));
    return (Statfs.fFlags(fs.out()) & Statfs.ST_RDONLY) != 0;
  }

  /** Returns random bytes. None is 0, so that they differ from a hole. */
  final byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    for (int i = 0; i < count; i++) {
      bytes[i] = bytes[i] == 0 ? 1 : bytes[i];
    }
    return bytes;
  }

  /**
   * Returns a file with known content and without holes: a new one, or the start of the prepared
   * one, which is longer then.
   */
  final Sample sample(int bytes) {
    SuiteFileSystem.Prepared prepared = fileSystem.prepared();
    if (prepared == null) {
      need(Feature.CREATE, Feature.ALLOCATE);
      byte[] content = bytes(bytes);
      fs.create("sample", content);
      return new Sample("sample", content);
    }
    int whole = Math.min((int) prepared.bytes(), (bytes + PAGE - 1) & -PAGE);
    long memory = fs.map(whole);
    prepared.content().fill(memory, whole, 0);
    byte[] content = Calls.bytes(memory, Math.min(bytes, whole));
    fs.unmap(memory, whole);
    return new Sample(prepared.path(), content);
  }

  /** Returns the size of a sample's file. */
  final long sizeOf(Sample sample) {
    SuiteFileSystem.Prepared prepared = fileSystem.prepared();
    return prepared == null ? sample.size() : prepared.bytes();
  }

  /** Returns the last bytes of a sample's file. */
  final byte[] endOf(Sample sample, int bytes) {
    SuiteFileSystem.Prepared prepared = fileSystem.prepared();
    if (prepared == null) {
      return sample.part(sample.size() - bytes, sample.size());
    }
    int whole = (bytes + PAGE - 1) & -PAGE;
    long memory = fs.map(whole);
    prepared.content().fill(memory, whole, prepared.bytes() - whole);
    byte[] content = Calls.bytes(memory + whole - bytes, bytes);
    fs.unmap(memory, whole);
    return content;
  }

  /** Checks a part of a file, through one descriptor. */
  final void assertContent(long fd, long pos, byte[] expected) {
    byte[] found = fs.load(fd, pos, expected.length);
    assertSame(found, expected, "from " + pos);
  }

  /** Checks a whole file. */
  final void assertContent(String name, byte[] expected) {
    assertSame(fs.contents(name), expected, "of " + name);
  }

  static void assertSame(byte[] found, byte[] expected, String where) {
    int at = Arrays.mismatch(found, expected);
    if (at >= 0) {
      String there = at < found.length ? String.format("%#x", found[at]) : "the end";
      String wanted = at < expected.length ? String.format("%#x", expected[at]) : "the end";
      assertThat(there)
          .as("byte %d of the bytes %s, of %d and %d", at, where, found.length, expected.length)
          .isEqualTo(wanted);
    }
  }

  /** Fills the data area with a byte that no test writes, so that an unread part is noticed. */
  final void scribble(int bytes) {
    RawMemory.segment(fs.data(), bytes).fill((byte) 0x55);
  }

  static byte[] joined(byte[]... parts) {
    int length = Arrays.stream(parts).mapToInt(part -> part.length).sum();
    byte[] all = new byte[length];
    int at = 0;
    for (byte[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }

  /** Unmounts, checks if the filesystem can, and mounts again. */
  final void remount() throws Exception {
    fs.note("(remount)");
    machine.remount(false);
  }

  static void assertFails(long result, int... errnos) {
    assertThatCall(result).failsWith(errnos);
  }

  static void assertOk(long result) {
    assertThatCall(result).returns(0);
  }
}
