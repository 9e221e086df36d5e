// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.Oops;
import io.pollux.core.fixture.TraceLog;
import io.pollux.core.vfs.Kiocb;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The switch of the trace points, their listeners, and what the Flight Recorder gets. */
@Timeout(60)
class TraceTest {
  private static void plug(long id, long dev) {
    Trace.event(TracePoint.BLOCK_PLUG, null, id, "the plug", dev);
  }

  @Test
  void thePointsAreOnWhileAListenerExists() {
    assertThat(Trace.on()).isFalse();
    try (TraceLog one = new TraceLog();
        TraceLog other = new TraceLog()) {
      assertThat(Trace.on()).isTrue();
      plug(3, 7);
      Trace.removeListener(one);
      assertThat(Trace.on()).as("the other is left").isTrue();
      plug(4, 7);
      assertThat(one.events()).hasSize(1);
      assertThat(other.events()).hasSize(2);
    }
    assertThat(Trace.on()).isFalse();
  }

  @Test
  void anEventHasItsNumbersByName() {
    try (TraceLog log = new TraceLog()) {
      Trace.event(TracePoint.BLOCK_UNPLUG, null, 5, "the request", 259, 32);
      TraceEvent event = log.only(TracePoint.BLOCK_UNPLUG);
      assertThat(event.id()).isEqualTo(5);
      assertThat(event.number("nr_rq")).isEqualTo(32);
      assertThat(event.number(0)).isEqualTo(259);
      assertThat(event.subject()).isEqualTo("the request");
      assertThat(event.thread()).isSameAs(Thread.currentThread());
      assertThat(event.task()).isNull();
      assertThat(event).hasToString("block_unplug id=5 dev=259 nr_rq=32");
      assertThatThrownBy(() -> event.number("sector"))
          .hasMessage("block_unplug has no field sector");
    }
  }

  @Test
  void aListenerThatThrowsIsRemovedAndTheOthersGetTheEvent() {
    List<String> said = new ArrayList<>();
    Oops.Sink sink = (sentence, thrown) -> said.add(sentence);
    Oops.addListener(sink);
    TraceListener thrower =
        event -> {
          throw new IllegalStateException("as a test wants it");
        };
    Trace.addListener(thrower);
    try (TraceLog log = new TraceLog()) {
      plug(1, 1);
      plug(2, 1);
      assertThat(log.events()).hasSize(2);
      assertThat(said).hasSize(1);
      assertThat(said.getFirst()).contains("a trace listener").contains("it gets no more events");
    } finally {
      Trace.removeListener(thrower);
      Oops.removeListener(sink);
    }
    assertThat(Trace.on()).isFalse();
  }

  /** The object of a request is used again, perhaps while the points are off. */
  @Test
  void anIdOfAnEarlierPeriodIsNotKnown() {
    Kiocb iocb = new Kiocb();
    try (TraceLog log = new TraceLog()) {
      assertThat(iocb.traceId()).isZero();
      iocb.newTraceId();
      assertThat(iocb.traceId()).isPositive();
      assertThat(log.events()).isEmpty();
    }
    try (TraceLog log = new TraceLog()) {
      assertThat(iocb.traceId()).isZero();
      Kiocb next = new Kiocb();
      next.newTraceId();
      assertThat(next.traceId()).as("from the first on").isPositive();
      assertThat(log.events()).isEmpty();
    }
  }

  @Test
  void eachPointHasAnAreaAndFields() {
    for (TracePoint point : TracePoint.values()) {
      assertThat(point.name()).isEqualToIgnoringCase(point.cName());
      assertThat(point.area()).isIn("aio", "blkdev", "block", "iomap", "xfs", "gfs2");
      assertThat(point.fields()).isNotEmpty().doesNotHaveDuplicates().doesNotContain("id");
    }
  }

  @Test
  void theFlightRecorderGetsEachPointAsAnEvent(@TempDir Path dir) throws IOException {
    JfrTrace jfr = new JfrTrace();
    Path file = dir.resolve("trace.jfr");
    Trace.addListener(jfr);
    try (Recording recording = new Recording()) {
      recording.start();
      Trace.event(TracePoint.BLOCK_UNPLUG, null, 5, "the request", 259, 32);
      recording.stop();
      recording.dump(file);
      List<EventType> types =
          FlightRecorder.getFlightRecorder().getEventTypes().stream()
              .filter(type -> type.getCategoryNames().getFirst().equals("Pollux"))
              .toList();
      assertThat(types).hasSize(TracePoint.values().length);
      EventType issue =
          types.stream()
              .filter(type -> type.getName().equals("io.pollux.BlockRqIssue"))
              .findFirst()
              .orElseThrow();
      assertThat(issue.getField("bytes").getContentType()).isEqualTo("jdk.jfr.DataAmount");
      assertThat(issue.getLabel()).isEqualTo("block_rq_issue");
    } finally {
      Trace.removeListener(jfr);
      jfr.unregister();
    }
    List<RecordedEvent> events =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().equals("io.pollux.BlockUnplug"))
            .toList();
    assertThat(events).hasSize(1);
    assertThat(events.getFirst().getLong("id")).isEqualTo(5);
    assertThat(events.getFirst().getLong("nr_rq")).isEqualTo(32);
    assertThat(events.getFirst().getThread().getJavaName())
        .isEqualTo(Thread.currentThread().getName());
  }
}
