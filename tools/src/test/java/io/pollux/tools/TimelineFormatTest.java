// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A recorded timeline follows the Trace Event Format as Perfetto's importer reads it. A phase is M,
 * i, b, e or n. Times are microseconds. An event b or e belongs to the track of its category and
 * id, and an e ends the last open b of its track.
 */
@Timeout(120)
class TimelineFormatTest {
  private static final long MOST = 0xffff_ffffL; // of a pid or a tid

  private final Path file;
  private final Map<Integer, String> processes = new HashMap<>();
  private final Map<String, String> threads = new HashMap<>();
  private final Map<String, Deque<String>> open = new HashMap<>();
  private final Map<String, Integer> owners = new HashMap<>(); // the pid of each async track
  private int slices;

  TimelineFormatTest(@TempDir Path dir) {
    file = dir.resolve("t.json");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--ios 200 --depth 8",
        "--ios 200 --depth 1 --irq",
        "--ios 100 --depth 4 --bs 1M --no-fixed-bufs",
        "--ios 100 --depth 4 --rw randwrite --no-verify",
        "--ios 200 --depth 8 --fs none --size 16M --disk ram",
        "--ios 100 --fs gfs2",
        "--ios 100 --mode sync"
      })
  void aTimelineKeepsTheRulesOfTheFormat(String options) throws IOException {
    record(List.of(), options);
    check();
    assertThat(slices).isGreaterThan(0);
    assertThat(processes).containsValues("threads", "hardware queues", "requests");
  }

  @ParameterizedTest
  @ValueSource(strings = {"7", "50", "333"})
  void aTimelineThatTheLimitCutsEndsEachSlice(String limit) throws IOException {
    record(List.of("--limit", limit), "--ios 200 --depth 8");
    check();
  }

  private void record(List<String> first, String options) {
    List<String> words = new ArrayList<>(List.of("trace"));
    words.addAll(first);
    words.addAll(List.of("--timeline", file.toString(), "--", "bench", "--seed", "7"));
    words.addAll(List.of(options.split(" ")));
    Cli result = Cli.run(words.toArray(String[]::new));
    assertThat(result.status()).as(result.err()).isZero();
  }

  private void check() throws IOException {
    Map<String, Object> whole = JSON.std.mapFrom(Files.readString(file));
    assertThat(whole).containsOnlyKeys("displayTimeUnit", "traceEvents");
    assertThat(whole.get("displayTimeUnit")).isIn("ms", "ns");
    assertThat(whole.get("traceEvents")).isInstanceOf(List.class);
    double last = 0;
    for (Object each : (List<?>) Objects.requireNonNull(whole.get("traceEvents"))) {
      Map<?, ?> event = (Map<?, ?>) each;
      String phase = String.valueOf(event.get("ph"));
      int pid = Math.toIntExact(whole(event, "pid"));
      String thread = pid + "/" + whole(event, "tid");
      assertThat(event.get("name")).as("%s", event).isInstanceOf(String.class).isNotEqualTo("");
      if (phase.equals("M")) {
        metadata(event, pid, thread);
        continue;
      }
      double time = ((Number) Objects.requireNonNull(event.get("ts"))).doubleValue();
      assertThat(time).as("%s", event).isFinite().isGreaterThanOrEqualTo(last);
      last = time;
      assertThat(event.get("cat")).as("%s", event).isInstanceOf(String.class);
      if (event.containsKey("args")) {
        assertThat(event.get("args")).isInstanceOf(Map.class);
      }
      assertThat(processes).containsKey(pid);
      switch (phase) {
        case "i" -> {
          assertThat(event.get("s")).isEqualTo("t");
          assertThat(threads).as("%s", event).containsKey(thread);
        }
        case "b", "e", "n" -> async(event, phase, pid);
        default -> throw new AssertionError("no phase of the timeline: " + event);
      }
    }
    assertThat(open.values()).allMatch(Deque::isEmpty);
    assertThat(last).as("microseconds of a run below two minutes").isLessThan(120e6);
  }

  private static long whole(Map<?, ?> event, String field) {
    Object value = event.get(field);
    assertThat(value).as("%s", event).isInstanceOfAny(Integer.class, Long.class);
    long number = ((Number) Objects.requireNonNull(value)).longValue();
    assertThat(number).isBetween(0L, MOST);
    return number;
  }

  private void metadata(Map<?, ?> event, int pid, String thread) {
    Object name = ((Map<?, ?>) Objects.requireNonNull(event.get("args"))).get("name");
    assertThat(name).isInstanceOf(String.class).isNotEqualTo("");
    switch (String.valueOf(event.get("name"))) {
      case "process_name" -> assertThat(processes.put(pid, String.valueOf(name))).isNull();
      case "thread_name" -> assertThat(threads.put(thread, String.valueOf(name))).isNull();
      default -> throw new AssertionError("unknown metadata: " + event);
    }
  }

  private void async(Map<?, ?> event, String phase, int pid) {
    Object id = event.get("id");
    assertThat(id).as("%s", event).isInstanceOf(String.class).isNotEqualTo("");
    String track = event.get("cat") + "/" + id;
    String name = String.valueOf(event.get("name"));
    Integer owner = owners.put(track, pid);
    assertThat(owner).as("one process for %s", track).isIn(null, pid);
    Deque<String> stack = open.computeIfAbsent(track, key -> new ArrayDeque<>());
    switch (phase) {
      case "b" -> {
        stack.push(name);
        slices++;
      }
      case "e" -> assertThat(stack.poll()).as("the open slice of %s", track).isEqualTo(name);
      default -> assertThat(stack).as("a mark needs a slice: %s", event).isNotEmpty();
    }
    Set<String> names = new HashSet<>(stack);
    assertThat(names).as("no slice in itself: %s", track).hasSameSizeAs(stack);
  }
}
