// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import io.pollux.uapi.AioAbi;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Unmodified C programs on this kernel: {@code bin/pollux exec}, each in a process of its own. */
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT)
final class ExecTest {
  private static final String DEVICE = "--fs none --size 64M -- ";

  private final Path dir;

  ExecTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @BeforeAll
  static void needsCompiler() {
    Oracles.needPrograms("gcc", "cc");
  }

  private CProgram compile(String name) throws IOException, InterruptedException {
    return CProgram.compile(name);
  }

  private static final String FIO =
      "fio --name=t --thread --group_reporting --verify_state_save=0 ";

  private static void fio(String target, String options) throws IOException, InterruptedException {
    Oracles.needPrograms("fio", "fio");
    assertNoErrors(ExecRun.direct(target + FIO + options));
  }

  private static void assertNoErrors(ExecRun run) {
    assertThat(run.succeeded().out()).contains("err= 0", "Run status group 0");
    assertThat(run.err()).as("messages of fio").doesNotContain("fio:", "pollux:");
  }

  // fio.

  @ParameterizedTest
  @CsvSource({
    "libaio --iodepth=32 --iodepth_batch=8, 1",
    "libaio --iodepth=8, 0",
    "libaio --iodepth=16 --userspace_reap, 1",
    "psync, 1",
    "psync, 0",
    "pvsync2 --hipri, 1",
    "sync, 1",
    "sync, 0"
  })
  void fioReadsXfs(String engine, int direct) throws Exception {
    fio(
        "-- ",
        "--filename=/pollux/main.dat --rw=randread --bs=4k --number_ios=20000 --size=16M"
            + " --ioengine="
            + engine
            + " --direct="
            + direct);
  }

  @ParameterizedTest
  @CsvSource({
    "libaio --iodepth=16, 1",
    "libaio --iodepth=16, 0",
    "psync, 1",
    "pvsync2 --hipri, 1",
    "sync, 0"
  })
  void fioWritesAndVerifiesTheBareDevice(String engine, int direct) throws Exception {
    fio(
        DEVICE,
        "--filename=/pollux/dev/ram0 --rw=randrw --bs=4k --size=16M --verify=crc32c"
            + " --verify_fatal=1 --ioengine="
            + engine
            + " --direct="
            + direct);
  }

  @ParameterizedTest
  @CsvSource({"libaio --iodepth=16, 1", "psync, 1", "pvsync2 --hipri, 1", "sync, 0"})
  void fioWritesAndVerifiesAFileOfTheMachine(String engine, int direct) throws Exception {
    Path image = dir.resolve("image");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(16 << 20);
    }
    Oracles.needPrograms("fio", "fio");
    assertNoErrors(
        ExecRun.of(
            "--fs none --disk file --image "
                + image
                + " -- "
                + FIO
                + "--filename=/pollux/dev/file0 --rw=randrw --bs=4k --size=16M --verify=crc32c"
                + " --verify_fatal=1 --ioengine="
                + engine
                + " --direct="
                + direct));
  }

  @Test
  void fioWithManyThreads() throws Exception {
    fio(
        DEVICE,
        "--filename=/pollux/dev/ram0 --rw=randrw --bs=4k --size=4M --offset_increment=4M"
            + " --numjobs=8 --verify=crc32c --ioengine=libaio --iodepth=8 --direct=1");
  }

  /**
   * The data is verified with errors of reads, but not with errors of writes. A failed write breaks
   * the sequence of seeds that this version of fio expects, so that fio rejects correct data. With
   * a synchronous engine, an error in the second, verifying phase ends the phase and is not
   * counted.
   */
  @ParameterizedTest
  @CsvSource({
    "read, libaio --iodepth=16, --verify=crc32c",
    "read, psync, ''",
    "both, pvsync2 --hipri, ''",
    "write, libaio --iodepth=16, ''",
    "both, libaio --iodepth=16 --iodepth_batch=8, ''"
  })
  void fioReportsTheErrorsOfTheDiskAndNoOthers(String which, String engine, String verify)
      throws Exception {
    Oracles.needPrograms("fio", "fio");
    String fault = "--fault seed=3,error-rate=0.005,errors=" + which;
    ExecRun run =
        ExecRun.of(
            (fault
                    + " --fs none --size 64M -- fio --name=t --thread --filename=/pollux/dev/ram0"
                    + " --direct=1 --rw=randrw --bs=4k --size=16M --continue_on_error=io"
                    + " --verify_state_save=0 --ioengine="
                    + engine
                    + " "
                    + verify)
                .strip());
    Matcher told = Pattern.compile("faults of ram0: error=(\\d+) \\(\\1 of ").matcher(run.err());
    assertThat(told.find()).as(run.err()).isTrue();
    assertThat(Integer.parseInt(told.group(1))).isPositive();
    assertThat(run.out())
        .contains("errors    : total=" + told.group(1) + ", first_error=5/<Input/output error>");
    assertThat(run.err()).doesNotContain("verify:");
  }

  @Test
  void stressNgFindsNothingInAio() throws Exception {
    Oracles.needPrograms("stress-ng", "stress-ng");
    ExecRun run =
        ExecRun.direct(
                DEVICE + "stress-ng --aiol 1 --aiol-ops 500 --verify --temp-path /pollux -t 60")
            .succeeded();
    assertThat(run.out() + run.err())
        .contains("successful run completed")
        .doesNotContain("skipped", "fail:");
  }

  // Programs of this project.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "-p 0",
        "-b 0",
        "-p 0 -b 0 -D 0",
        "-p 0 -S",
        "-p 1 -P",
        "-d 1 -s 1 -c 1",
        "-d 100 -s 13 -c 5"
      })
  void aRingProgramReadsThroughRings(String options) throws Exception {
    Path program = compile("aio-ring").file();
    String line = "-- " + program + " -r 1 -V " + options + " /pollux/main.dat";
    ExecRun run = ExecRun.direct(line.replaceAll(" +", " ")).succeeded();
    assertThat(run.out()).contains("IOPS=", "total: ");
  }

  @Test
  void aRingProgramReadsTheBareDevice() throws Exception {
    ExecRun.of(
            "--disk null --fs none --size 1G -- "
                + compile("aio-ring").file()
                + " -r 1 -V /pollux/dev/null0")
        .succeeded();
  }

  @Test
  void wildPointersAreFaultsAndTheProgramLives() throws Exception {
    ExecRun run =
        ExecRun.direct(
                "-- " + compile("wild-pointers").file() + " /pollux/main.dat /pollux/dev/ram0")
            .succeeded();
    assertThat(run.out()).contains(" 0 differences");
  }

  @Test
  void fileCallsOnTheSample() throws Exception {
    ExecRun.of("--read-only -- " + compile("file-calls").file() + " read /pollux").succeeded();
  }

  @Test
  void fileCallsInMemoryAndOnADevice() throws Exception {
    Path program = compile("file-calls").file();
    ExecRun.direct(DEVICE + program + " write /pollux").succeeded();
    ExecRun.direct(DEVICE + program + " device /pollux/dev/ram0").succeeded();
  }

  @Test
  void functionsOfTheCLibraryThatMakeCallsOfTheirOwn() throws Exception {
    ExecRun run =
        ExecRun.direct(DEVICE + compile("c-library").file() + " calls /pollux").succeeded();
    assertThat(run.out()).isEqualTo("0 differences\n");
  }

  @Test
  void threadsSignalsAChildAndAnExitStatus() throws Exception {
    ExecRun run =
        ExecRun.direct("-- " + compile("threads-signals").file() + " -x 42 /pollux/main.dat");
    assertThat(run.status()).as(run.out() + run.err()).isEqualTo(42);
    assertThat(run.err()).isEmpty();
  }

  // Files of the host.

  @ParameterizedTest
  @ValueSource(strings = {"files", "streams", "waits", "polls", "eventfds", "many"})
  @ResourceLock("aio of the host")
  void aioOnFilesOfTheHostIsAsOnTheHost(String name) throws Exception {
    Oracles.need(
        Files.exists(Path.of("/proc/sys/fs/aio-max-nr")), "the Linux of this machine has no aio");
    CProgram program = compile("host-files");
    ExecRun run = ExecRun.direct(DEVICE + program.file() + " " + name + " " + dir).succeeded();
    assertThat(run.out()).isEqualTo(program.onLinux(name, dir.toString()).said());
    assertThat(run.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {256, 512, 1024})
  void pendingPollsTakeNoneOfTheProgramsDescriptors(int limit) throws Exception {
    String line = "ulimit -n " + limit + "; exec " + compile("host-files").file() + " many " + dir;
    ExecRun run =
        ExecRun.direct(List.of("--fs", "none", "--size", "64M", "--", "sh", "-c", line))
            .succeeded();
    assertThat(run.out()).isEqualTo("many: 0 differences\n");
    assertThat(run.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {AioAbi.IOCTX_FLAG_SQWQ, AioAbi.IOCTX_FLAG_SQWQ | AioAbi.IOCTX_FLAG_SQTHREAD})
  void aWaitingReadKeepsItsFileWhenTheNumberIsReused(int flags) throws Exception {
    ExecRun run =
        ExecRun.direct(DEVICE + compile("reused-numbers").file() + " " + flags + " " + dir)
            .succeeded();
    assertThat(run.out()).isEqualTo("40 reads\n");
    assertThat(run.err()).isEmpty();
  }

  /** A read that a worker repeated would lose what the attempt took from a stream. */
  @ParameterizedTest
  @ValueSource(ints = {AioAbi.IOCTX_FLAG_SQWQ, AioAbi.IOCTX_FLAG_SQWQ | AioAbi.IOCTX_FLAG_SQTHREAD})
  void aShortReadOfAHostFileIsAsOfPreadv2(int flags) throws Exception {
    ExecRun run =
        ExecRun.direct(DEVICE + compile("short-reads").file() + " " + flags + " " + dir)
            .succeeded();
    assertThat(run.out())
        .isEqualTo(
            """
            pipe: 65536
            pipe with little: 5
            socket: 1000
            terminal: 3
            eventfd: 8
            timerfd: 8
            file: 65536
            end of the file: 100
            """);
    assertThat(run.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"-p 0", "-p 0 -b 0", "-p 0 -b 0 -D 0", "-p 0 -S", "-p 0 -d 100 -s 13 -c 5"})
  void aRingProgramReadsAFileOfTheHost(String options) throws Exception {
    Path file = dir.resolve("host.dat");
    byte[] bytes = new byte[1 << 20];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 31 + (i >> 12)); // no two blocks alike for a while
    }
    Files.write(file, bytes);
    ExecRun run =
        ExecRun.direct(DEVICE + compile("aio-ring").file() + " -r 1 -V " + options + " " + file);
    assertThat(run.succeeded().out()).contains("IOPS=", "total: ");
  }

  @Test
  void callsOnStacksThatAreNotTheThreadsOwn() throws Exception {
    ExecRun run =
        ExecRun.direct("-- " + compile("stacks").file() + " /pollux/main.dat").succeeded();
    assertThat(run.out() + run.err()).isEqualTo("stacks: 0 differences\n");
  }

  // Signals.

  @Test
  void noThreadButTheProgramsTakesItsSignals() throws Exception {
    ExecRun run =
        ExecRun.direct(DEVICE + compile("thread-masks").file() + " /pollux/dev/ram0").succeeded();
    assertThat(run.out() + run.err()).isEqualTo("thread-masks: 0 differences\n");
  }

  /**
   * 64 signals by each way to ask for them, before and after the first call: what is printed is
   * what Linux makes it print.
   */
  @Test
  @ResourceLock("aio of the host")
  void dispositionsAreThoseOfLinux() throws Exception {
    CProgram program = compile("dispositions");
    Path file = Files.write(dir.resolve("file"), new byte[4096]);
    Oracles.need(
        Files.exists(Path.of("/proc/sys/fs/aio-max-nr")), "the Linux of this machine has no aio");
    CProgram.Run onLinux = program.onLinux(file.toString());
    assertThat(onLinux.status()).as(onLinux.said()).isZero();
    ExecRun run = ExecRun.direct("-- " + program.file() + " /pollux/main.dat").succeeded();
    assertThat(run.err()).isEmpty();
    assertThat(run.out().lines()).containsExactlyElementsOf(onLinux.said().lines().toList());
  }

  @ParameterizedTest
  @CsvSource({
    "pipe, 141",
    "pipe-ignored, 10",
    "pipe-handler, 11",
    "divide, 136",
    "segv, 139",
    "ill, 132",
    "sent, 139"
  })
  void aSignalEndsTheProgramWhileTheKernelRuns(String how, int status) throws Exception {
    ExecRun run =
        ExecRun.direct(
            "-- " + compile("dispositions").file() + " die " + how + " /pollux/main.dat");
    assertThat(run.status()).as(run.err()).isEqualTo(status);
    assertThat(run.err()).isEmpty();
  }

  @Test
  void ignoredSignalsStayIgnoredOverAnExec() throws Exception {
    ExecRun run =
        ExecRun.direct("-- " + compile("dispositions").file() + " die exec /pollux/main.dat")
            .succeeded();
    assertThat(run.out()).isEqualTo("  mask 0 ignored 11 13\n");
  }

  // Sanitizers.

  @ParameterizedTest
  @CsvSource({
    "address, none, 0, done",
    "address, heap, 1, AddressSanitizer: heap-buffer-overflow",
    "address, null, 1, AddressSanitizer: SEGV on unknown address 0x000000000000",
    "undefined, none, 0, done",
    "undefined, overflow, 0, runtime error: signed integer overflow"
  })
  void aProgramWithASanitizer(String sanitizer, String how, int status, String said)
      throws Exception {
    CProgram program = CProgram.compile("sanitized", "-g", "-fsanitize=" + sanitizer);
    ExecRun run = ExecRun.direct("-- " + program.file() + " " + how + " /pollux/main.dat");
    assertThat(run.out() + run.err()).contains(said);
    assertThat(run.status()).as(run.err()).isEqualTo(status);
    if (how.equals("none")) {
      assertThat(run.err()).isEmpty();
    }
  }

  // libaio's harness.

  /**
   * Case 14 leaves requests behind, so it is last. Case 20 takes all of aio-max-nr, so it has a
   * process of its own.
   */
  @ParameterizedTest
  @ValueSource(strings = {"2 3 4 6 8 10 11 12 13 15 16 17 18 21 22 23 14", "20"})
  void libaioCasesOnADevice(String numbers) throws Exception {
    libaioCases(numbers, "/pollux/dev/ram0", 0, "ok");
  }

  /**
   * 5: files are not mapped; 7: a device has no limit of file size; 19: a ring can't be moved under
   * this kernel.
   */
  @Test
  void libaioCasesThatAreNotPossible() throws Exception {
    libaioCases("5 7 19", "/pollux/dev/ram0", 77, "not possible here");
  }

  @ParameterizedTest
  @ValueSource(strings = {"4 6 11 15 14", "20"})
  void libaioCasesInMemory(String numbers) throws Exception {
    libaioCases(numbers, "/pollux", 0, "ok");
  }

  /** The kernel is in another process, so there are no rings, and no poll waits. */
  @Test
  void libaioCasesWithASharedKernel() throws Exception {
    String numbers = "2 3 4 6 8 11 12 13 15 16 18 21 14";
    String program = compile("libaio-cases").file() + " " + numbers.replace(' ', ',');
    String line = "--shared --fs none --size 256M -- " + program + " /pollux/dev/ram0";
    said(ExecRun.of(line), numbers, 0, "ok");
  }

  private void libaioCases(String numbers, String path, int status, String said)
      throws IOException, InterruptedException {
    String program = compile("libaio-cases").file() + " " + numbers.replace(' ', ',');
    said(ExecRun.direct("--fs none --size 256M -- " + program + " " + path), numbers, status, said);
  }

  private static void said(ExecRun run, String numbers, int status, String said) {
    assertThat(run.out().lines().map(line -> line.replaceAll("(" + said + ").*", "$1")))
        .as(run.err())
        .containsExactly(
            Stream.of(numbers.split(" ", -1))
                .map(number -> "case " + number + ": " + said)
                .toArray(String[]::new));
    assertThat(run.status()).as(run.out() + run.err()).isEqualTo(status);
  }

  // Programs as they come with Debian.

  @Test
  void everydayProgramsReadTheImage() throws Exception {
    String sum = ExecRun.of("-- sha256sum /pollux/main.dat").succeeded().out().substring(0, 64);
    for (String line :
        List.of(
            "-- sh -c cat\t/pollux/main.dat\t|\tsha256sum",
            "-- sh -c cd\t/;\tdd\tif=pollux/main.dat\tbs=64k\tiflag=direct\t|\tsha256sum")) {
      List<String> words =
          Arrays.stream(line.split(" ")).map(word -> word.replace('\t', ' ')).toList();
      assertThat(ExecRun.of(words).succeeded().out()).startsWith(sum);
    }
    Path copy = dir.resolve("copy");
    ExecRun.of("-- cp -r /pollux/deep " + copy).succeeded();
    assertThat(copy.resolve("d01")).isDirectory();
    assertThat(ExecRun.of("-- ls -l /pollux").succeeded().out()).contains("main.dat", "tail.dat");
  }

  @Test
  void theImageIsWhereItIsAskedFor() throws Exception {
    assertThat(ExecRun.of("--at /some/where -- head -c 8 /some/where/main.dat").succeeded().out())
        .isEqualTo("PLUXSM01");
  }

  // The end.

  @ParameterizedTest
  @CsvSource({"return, 0, P", "_exit, 0, P", "syscall, 0, P", "fsync-kill, 137, P", "kill, 137, ."})
  void anEndWritesBackAndAKillIsAPowerCut(String how, int status, String found) throws Exception {
    Path image = dir.resolve("image");
    byte[] before = new byte[1 << 20];
    Arrays.fill(before, (byte) '.');
    Files.write(image, before);
    ExecRun run =
        ExecRun.of(
            "--fs none --image "
                + image
                + " -- "
                + compile("ends").file()
                + " "
                + how
                + " /pollux/dev/file0");
    assertThat(run.status()).as(run.err()).isEqualTo(status);
    Arrays.fill(before, 0, 4096, (byte) found.charAt(0));
    assertThat(Files.readAllBytes(image)).isEqualTo(before);
  }

  /** Calls work until the last destructor, and threads that are in one then see no end. */
  @ParameterizedTest
  @CsvSource({
    "threads, 3, ''",
    "waiting, 4, ''",
    "late, 5, abcde",
    "quick, 6, q",
    "last, 0, l",
    "canceled, 7, ''",
    "handler, 8, ''",
    "other, 9, ''",
    "twice, 10, ''",
    "alone, 11, ''"
  })
  void theEndOfAProgramWithThreads(String how, int status, String written) throws Exception {
    Path image = Files.write(dir.resolve("image"), new byte[1 << 20]);
    ExecRun run =
        ExecRun.of(
            "--fs none --image "
                + image
                + " -- "
                + compile("endings").file()
                + " "
                + how
                + " /pollux/dev/file0");
    assertThat(run).isEqualTo(new ExecRun(status, "", ""));
    byte[] bytes = Files.readAllBytes(image);
    for (int i = 0; i < written.length(); i++) {
      assertThat((char) bytes[i * 512]).isEqualTo(written.charAt(i));
    }
  }

  @Test
  void rangesOfADeviceAreZeroed() throws Exception {
    Oracles.needPrograms("util-linux", "fallocate");
    Path image = dir.resolve("image");
    byte[] bytes = new byte[1 << 20];
    Arrays.fill(bytes, (byte) '.');
    Files.write(image, bytes);
    String target = "--fs none --disk file --image " + image + " -- fallocate ";
    ExecRun.of(target + "--zero-range --offset 4096 --length 8704 /pollux/dev/file0").succeeded();
    ExecRun.of(target + "--punch-hole --offset 1044480 --length 1048576 /pollux/dev/file0")
        .succeeded();
    assertThat(
            ExecRun.of(target + "--zero-range --offset 100 --length 4096 /pollux/dev/file0").err())
        .contains("Invalid argument");
    Arrays.fill(bytes, 4096, 4096 + 8704, (byte) 0);
    Arrays.fill(bytes, 1044480, 1 << 20, (byte) 0);
    assertThat(Files.readAllBytes(image)).isEqualTo(bytes);
  }

  @Test
  void theEndWritesOutStreamsAfterTheProgramsOwnHandlers() throws Exception {
    Path image = dir.resolve("image");
    byte[] wanted = new byte[1 << 20];
    Files.write(image, wanted);
    ExecRun.of(
            "--fs none --image "
                + image
                + " -- "
                + compile("c-library").file()
                + " end /pollux/dev/file0")
        .succeeded();
    System.arraycopy("kept\n".getBytes(StandardCharsets.US_ASCII), 0, wanted, 0, 5);
    System.arraycopy("ran\n".getBytes(StandardCharsets.US_ASCII), 0, wanted, 512, 4);
    assertThat(Files.readAllBytes(image)).isEqualTo(wanted);
  }
}
