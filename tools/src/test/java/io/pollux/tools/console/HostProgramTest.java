// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A shell that talks, fails, hangs and has children. */
@Timeout(60)
class HostProgramTest {
  private static final double SOON = 60;

  private static List<String> sh(String script) {
    return List.of("sh", "-c", script);
  }

  private static boolean lives(String pid) {
    return ProcessHandle.of(Long.parseLong(pid.strip())).map(ProcessHandle::isAlive).orElse(false);
  }

  @Test
  void whatItWritesIsTheResult() {
    assertThat(HostProgram.run(sh("echo one; echo two >&2; echo three"), SOON))
        .isEqualTo("one\nthree\n");
  }

  @Test
  void theLastTwentyLinesAreInTheFailure() {
    String last =
        String.join(" ", IntStream.rangeClosed(11, 30).mapToObj(i -> "line" + i).toList());

    assertThatThrownBy(
            () -> HostProgram.run(sh("for i in $(seq 30); do echo line$i >&2; done; exit 3"), SOON))
        .isInstanceOf(Failure.class)
        .hasMessage("sh: ended with status 3: " + last);
  }

  @Test
  void whatWasPassedOnIsNotSaidAgainButForTheLastLine() {
    List<String> progress = new ArrayList<>();

    assertThatThrownBy(
            () ->
                HostProgram.run(
                    sh("for i in 1 2 3; do echo line$i >&2; done; exit 3"), SOON, progress::add))
        .isInstanceOf(Failure.class)
        .hasMessage("sh: ended with status 3: line3");
    assertThat(progress).containsExactly("line1", "line2", "line3");
  }

  /** A child that goes on has the same standard error, and may have it for ever. */
  @Test
  @Timeout(30)
  void aChildThatGoesOnIsNotWaitedForAndCanGoOn(@TempDir Path directory)
      throws IOException, InterruptedException {
    Path go = directory.resolve("go");
    Path wrote = directory.resolve("wrote");
    String child =
        "{ until [ -e "
            + go
            + " ]; do sleep 0.05; done; echo late >&2; echo later >&2; touch "
            + wrote
            + "; }";
    List<String> progress = new ArrayList<>();
    try {
      HostProgram.run(sh(child + " & echo said >&2; sleep 0.3"), SOON, progress::add);

      assertThat(wrote).doesNotExist();
      assertThat(progress).containsExactly("said");
    } finally {
      Files.createFile(go); // which ends it
    }
    while (!Files.exists(wrote)) { // it is not ended for having something to say
      Thread.sleep(10);
    }
    assertThat(progress).as("too late").containsExactly("said");
  }

  @Test
  void aLastLineNeedsNoEnd() {
    List<String> progress = new ArrayList<>();

    assertThatThrownBy(
            () ->
                HostProgram.run(
                    sh("echo one >&2; sleep 0.2; printf 'käse\\ntwo' >&2; exit 3"),
                    SOON,
                    progress::add))
        .hasMessage("sh: ended with status 3: two");
    assertThat(progress).containsExactly("one", "käse", "two");
  }

  /** More data than a pipe holds, for a slow reader. */
  @Test
  void aSlowReaderGetsAllOfTheOutput() {
    List<String> progress = new ArrayList<>();

    HostProgram.run(
        sh("seq 30000 >&2"),
        SOON,
        line -> {
          if (progress.isEmpty()) {
            LockSupport.parkNanos(300_000_000);
          }
          progress.add(line);
        });
    assertThat(progress).hasSize(30_000).endsWith("30000");
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 2", "2, 2, 2", "134, 2, 2"})
  void aFaultOfOurOwnIsOneHereToo(int status, int own, int others) {
    List<String> progress = new ArrayList<>();
    List<String> command =
        sh("echo a second >&2; echo 'pollux: /main.dat: wrong data' >&2; exit " + status);

    Failure failure =
        catchThrowableOfType(
            Failure.class, () -> HostProgram.runPollux(command, SOON, progress::add));
    Failure other = catchThrowableOfType(Failure.class, () -> HostProgram.run(command, SOON));

    assertThat(failure)
        .hasMessage("sh: ended with status " + status + ": pollux: /main.dat: wrong data");
    assertThat(failure.status()).isEqualTo(own);
    assertThat(progress).containsExactly("a second");
    assertThat(other.status()).isEqualTo(others);
  }

  @Test
  void ourOwnThatIsGoodIsNoFailure() {
    List<String> progress = new ArrayList<>();

    assertThat(
            HostProgram.runPollux(
                sh("echo x; echo 'pollux: this and that' >&2; echo 1 >&2"), SOON, progress::add))
        .isEqualTo("x\n");
    assertThat(progress).containsExactly("1");
  }

  @Test
  void whatIsNotThereCanNotBeRun() {
    assertThatThrownBy(() -> HostProgram.run(List.of("/no/such/program"), SOON))
        .isInstanceOf(Failure.class)
        .hasMessageStartingWith("/no/such/program: ");
  }

  @Test
  void whatDoesNotEndIsEndedWithItsChildren(@TempDir Path directory) throws IOException {
    Path child = directory.resolve("child");

    assertThatThrownBy(
            () ->
                HostProgram.toItsEnd(
                    sh("sleep 1000 & echo $! >" + child + "; wait"), 0.5, 1, line -> {}))
        .isInstanceOf(Failure.class)
        .hasMessage("sh: does not end");
    assertThat(lives(Files.readString(child))).isFalse();
  }

  @Test
  void itHasTimeForWhatItDoesAtItsEnd(@TempDir Path directory) {
    Path tidied = directory.resolve("tidied");

    assertThatThrownBy(
            () ->
                HostProgram.toItsEnd(
                    sh("trap 'touch " + tidied + "; exit 2' TERM; while :; do sleep 0.05; done"),
                    0.5,
                    1,
                    line -> {}))
        .hasMessage("sh: does not end");
    assertThat(tidied).exists();
  }

  @Test
  void anInterruptedRunLeavesNothingBehind() throws InterruptedException {
    AtomicReference<String> pid = new AtomicReference<>("");
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    CountDownLatch runs = new CountDownLatch(1);
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    HostProgram.run(
                        sh("echo $$ >&2; exec sleep 1000"),
                        SOON,
                        line -> {
                          pid.set(line);
                          runs.countDown();
                        });
                  } catch (Failure e) {
                    thrown.set(e);
                  }
                });
    runs.await();
    thread.interrupt();
    thread.join();

    assertThat(thrown.get()).hasMessage("sh: was interrupted");
    assertThat(lives(pid.get())).isFalse();
    assertThat(HostProgram.ending()).isFalse();
  }

  @Test
  void aProgramIsLookedForElsewhereToo(@TempDir Path directory) throws IOException {
    String name = "pollux-no-such-program";
    Path program = directory.resolve(name);
    Files.writeString(program, "#!/bin/sh\n");

    assertThat(HostProgram.exists("sh")).isTrue();
    assertThat(HostProgram.exists(name)).isFalse();
    assertThat(HostProgram.exists(name, List.of(directory.toString())))
        .as("not executable")
        .isFalse();
    assertThat(program.toFile().setExecutable(true)).isTrue();
    assertThat(HostProgram.exists(name, List.of("/no/such/directory", directory.toString())))
        .isTrue();
  }
}
