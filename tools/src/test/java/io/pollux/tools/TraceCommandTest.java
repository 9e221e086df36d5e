// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.core.trace.Trace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** pollux trace: its three outputs have the same requests, as many as the bench made. */
@Timeout(120)
class TraceCommandTest {
  private static final int IOS = 300;

  /** Device, thread, sequence, seconds, number, action, RWBS, the rest, thread, request. */
  private static final Pattern LINE =
      Pattern.compile(
          " *(-|\\d+,\\d+) +\\d+ +\\d+ +\\d+\\.\\d{9} +\\d+ +([A-Za-z]) +(.*)\\[([^\\[\\]]+)\\]"
              + "(?: #(\\d+))?");

  private final Path dir;

  TraceCommandTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @AfterEach
  void thePointsAreOff() {
    assertThat(Trace.on()).isFalse();
  }

  private String file(String name) {
    return dir.resolve(name).toString();
  }

  private Cli trace(String... benchOptions) {
    List<String> words = new ArrayList<>(List.of("trace", "--text", file("t.txt")));
    words.addAll(List.of("--jfr", file("t.jfr"), "--timeline", file("t.json"), "--", "bench"));
    words.addAll(List.of("--ios", Integer.toString(IOS), "--seed", "7"));
    words.addAll(List.of(benchOptions));
    Cli result = Cli.run(words.toArray(String[]::new));
    assertThat(result.err()).contains("pollux: trace: ").contains(" of " + IOS + " requests: ");
    assertThat(result.status()).isZero();
    return result;
  }

  private List<Matcher> lines() throws IOException {
    List<Matcher> lines = new ArrayList<>();
    for (String line : Files.readAllLines(dir.resolve("t.txt"))) {
      Matcher matcher = LINE.matcher(line);
      assertThat(matcher.matches()).as(line).isTrue();
      lines.add(matcher);
    }
    return lines;
  }

  /** The actions of each request, in their order. */
  private Map<String, String> actions() throws IOException {
    return lines().stream()
        .filter(line -> line.group(5) != null)
        .collect(
            Collectors.groupingBy(
                line -> Objects.requireNonNull(line.group(5)),
                Collectors.mapping(line -> line.group(2), Collectors.joining())));
  }

  private List<RecordedEvent> recorded(String name) throws IOException {
    return RecordingFile.readAllEvents(dir.resolve("t.jfr")).stream()
        .filter(event -> event.getEventType().getName().equals("io.pollux." + name))
        .sorted(Comparator.comparing(RecordedEvent::getStartTime))
        .toList();
  }

  @SuppressWarnings("unchecked") // as the timeline writes it
  private List<Map<String, Object>> timeline() throws IOException {
    Map<String, Object> whole = JSON.std.mapFrom(Files.readString(dir.resolve("t.json")));
    return (List<Map<String, Object>>) Objects.requireNonNull(whole.get("traceEvents"));
  }

  @Test
  void theTextHasEachRequestFromItsSubmissionToItsReap() throws IOException {
    trace("--depth", "1");
    Map<String, String> actions = actions();
    assertThat(actions).hasSize(IOS);
    assertThat(actions.values()).allMatch("sbmQGPUDpCedcr"::equals);
  }

  @Test
  void aBatchIsPluggedOnceAndHasTheSameActionsForEachRequest() throws IOException {
    trace("--depth", "8");
    Map<String, String> actions = actions();
    assertThat(actions).hasSize(IOS);
    assertThat(actions.values())
        .allMatch(all -> all.replaceAll("[PUp]", "").equals("sbmQGDCedcr"))
        .as("the first of a batch")
        .anyMatch(all -> all.startsWith("sbmQGP"));
  }

  @Test
  void theFlightRecordingHasTheSameRequests() throws IOException {
    trace("--depth", "8");
    List<RecordedEvent> submits = recorded("AioSubmit");
    assertThat(submits).hasSize(IOS);
    Map<Long, RecordedEvent> begins = new HashMap<>();
    submits.forEach(event -> begins.put(event.getLong("id"), event));
    assertThat(begins).hasSize(IOS);
    for (String name :
        List.of("BlockRqIssue", "BlockRqComplete", "IomapDioComplete", "AioComplete", "AioReap")) {
      List<RecordedEvent> events =
          recorded(name).stream().filter(event -> event.getLong("id") != 0).toList();
      assertThat(events).as(name).hasSize(IOS);
      for (RecordedEvent event : events) {
        RecordedEvent before = Objects.requireNonNull(begins.put(event.getLong("id"), event));
        assertThat(event.getStartTime()).as(name).isAfterOrEqualTo(before.getStartTime());
      }
    }
    assertThat(recorded("BlockRqIssue").getLast().getLong("bytes")).isEqualTo(4096);
    assertThat(recorded("AioReap")).allMatch(event -> event.getLong("res") == 4096);
  }

  @Test
  void theSlicesOfARequestNestInTheTimeline() throws IOException {
    trace("--depth", "8");
    Map<Object, Deque<Object>> open = new HashMap<>();
    Map<Object, Double> times = new HashMap<>();
    Map<String, Integer> count = new HashMap<>();
    for (Map<String, Object> event : timeline()) {
      if (!"request".equals(event.get("cat"))) {
        continue;
      }
      Object track = Objects.requireNonNull(event.get("id"));
      double time = ((Number) Objects.requireNonNull(event.get("ts"))).doubleValue();
      assertThat(time).isGreaterThanOrEqualTo(times.getOrDefault(track, 0.0));
      times.put(track, time);
      Deque<Object> stack = open.computeIfAbsent(track, key -> new ArrayDeque<>());
      String name = String.valueOf(event.get("name"));
      if ("b".equals(event.get("ph"))) {
        stack.push(name);
        count.merge(name.split(" ", 2)[0], 1, Integer::sum);
      } else if ("e".equals(event.get("ph"))) {
        assertThat(stack.pop()).isEqualTo(name);
      }
    }
    assertThat(open).hasSize(IOS);
    assertThat(open.values()).allMatch(Deque::isEmpty);
    assertThat(count)
        .containsExactlyInAnyOrderEntriesOf(
            Map.of("iocb", IOS, "kiocb", IOS, "bio", IOS, "request", IOS));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--irq",
        "--mode aio",
        "--mode useriocb",
        "--no-fixed-bufs",
        "--rw randwrite --no-verify",
        "--disk null --no-verify",
        "--fs none --size 16M --disk ram",
        "--fs gfs2",
        "--mode sync"
      })
  void everyKindOfRequestIsFollowed(String options) throws IOException {
    trace(options.split(" "));
    Map<String, String> actions = actions();
    assertThat(actions).hasSize(IOS);
    assertThat(actions.values()).allMatch(all -> all.replaceAll("[^QGDCe]", "").equals("QGDCe"));
    assertThat(timeline().stream().filter(event -> "b".equals(event.get("ph")))).isNotEmpty();
  }

  @Test
  void theLimitEndsTheTraceAndNotTheCommand() throws IOException {
    Cli result =
        Cli.run(
            "trace",
            "--limit",
            "50",
            "--text",
            file("t.txt"),
            "--",
            "bench",
            "--ios",
            "2000",
            "--json",
            "-");
    assertThat(result.status()).isZero();
    assertThat(JSON.std.mapFrom(result.out())).containsEntry("ios", 2000);
    assertThat(result.err()).contains("pollux: trace: 50 events of 0 requests, until the limit: ");
    assertThat(lines()).hasSize(50);
  }

  @Test
  void withoutAFileTheTextGoesToStandardOutputAndTheResultAside() {
    Cli result = Cli.run("trace", "--", "bench", "--ios", "3");
    assertThat(result.status()).isZero();
    assertThat(result.out().lines()).allMatch(line -> LINE.matcher(line).matches());
    assertThat(result.err()).contains("IOPS").contains("of 3 requests: text above");
  }

  @Test
  void stepsShowRingsListsTagsAndReferences() {
    Cli result = Cli.run("trace", "--step", "--", "bench", "--seed", "7");
    assertThat(result.status()).isZero();
    assertThat(result.err()).contains("pollux: trace: 14 steps of one request");
    List<String> steps = List.of(result.out().split("--- step ", -1));
    assertThat(steps.stream().skip(1).map(step -> step.split("[:,]", 3)[1].strip()))
        .containsExactly(
            "aio_submit",
            "iomap_dio_rw_begin",
            "xfs_iomap_found",
            "block_bio_queue",
            "block_getrq",
            "block_plug",
            "block_unplug",
            "block_rq_issue",
            "aio_poll",
            "block_rq_complete",
            "block_bio_complete",
            "iomap_dio_complete",
            "aio_complete",
            "aio_reap");
    assertThat(steps.get(1))
        .contains("SQ ring   head 0, tail 1")
        .contains("iopoll    empty")
        .contains("plug      none");
    assertThat(steps.get(5)).contains("tags      1 in use");
    assertThat(steps.get(6)).contains("plug      1 in the list");
    assertThat(steps.get(9)).contains("iopoll    1 in the list").contains("file      file ");
    assertThat(steps.get(14))
        .contains("res 4096")
        .contains("tags      0 in use")
        .contains(", complete with 4096");
    assertThat(result.out()).contains("IOPS");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ls|pollux: ls: can't be traced, only bench and exec can",
        "--limit 0 -- bench|pollux: --limit: 0 is not from 1 to 10000000",
        "--step -- exec -- true|pollux: --step: is for bench",
        "--step --text x -- bench|pollux: --step: shows one request, and writes no file",
        "-- exec -- true|pollux: trace: needs --text, --jfr or --timeline",
        "--jfr /no/where.jfr -- bench|pollux: /no/where.jfr: No such file or directory",
        "--bogus -- bench|pollux: trace: unknown option '--bogus'"
      })
  void whatCannotBeTracedIsRefusedInOneLine(String line) {
    String[] parts = line.split("\\|", 2);
    List<String> words = new ArrayList<>(List.of("trace"));
    words.addAll(List.of(parts[0].split(" ")));
    Cli result = Cli.run(words.toArray(String[]::new));
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err().lines()).hasSize(1);
    assertThat(result.err()).startsWith(parts[1]);
  }

  @Test
  void theStatusIsTheCommands() {
    Cli result =
        Cli.run("trace", "--text", file("t.txt"), "--", "bench", "--file", "/no", "--ios", "1");
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err()).contains("pollux: /no: No such file or directory");
    assertThat(result.err()).contains("pollux: trace: ");
  }
}
