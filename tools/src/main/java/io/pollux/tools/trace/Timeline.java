// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.trace;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.block.BlkTypes;
import io.pollux.core.trace.TracePoint;
import io.pollux.uapi.AioAbi;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Events as a timeline in the trace event format that Perfetto and chrome://tracing open.
 *
 * <p>Each thread has a track with all its events. Each hardware queue has one with its requests,
 * from issue to completion. Each iocb has one, where the iocb, its kiocb, bio and request are
 * slices in each other. A second bio or request of an iocb that overlaps the first has a track of
 * its own.
 */
final class Timeline {
  private static final int THREADS = 1;
  private static final int QUEUES = 2;
  private static final int REQUESTS = 3;
  private static final double MICROS = 1e3;

  private final List<Map<String, Object>> written = new ArrayList<>();
  private final Map<Long, Family> families = new LinkedHashMap<>(); // by id, as long as it is open
  private final Map<String, Recorded> issued = new HashMap<>(); // by hardware queue and tag
  private final long began;
  private long last;

  /** The slices of one id that are open. */
  private static final class Family {
    private final List<Slice> open = new ArrayList<>();
    private boolean polled;
    private int others; // tracks besides the first
  }

  private record Slice(Kind kind, Object key, String name, String track) {}

  private enum Kind {
    IOCB,
    KIOCB,
    BIO,
    REQUEST
  }

  private Timeline(long began) {
    this.began = began;
    last = began;
  }

  /** The events in the order of their times. */
  static List<Recorded> sorted(List<Recorded> events) {
    return events.stream()
        .sorted(Comparator.comparingLong(Recorded::nanos).thenComparingInt(Recorded::sequence))
        .toList();
  }

  /** Returns one JSON object. */
  static String of(List<Recorded> events) {
    List<Recorded> sorted = sorted(events);
    Timeline timeline = new Timeline(sorted.isEmpty() ? 0 : sorted.getFirst().nanos());
    timeline.name(THREADS, 0, "process_name", "threads");
    timeline.name(QUEUES, 0, "process_name", "hardware queues");
    timeline.name(REQUESTS, 0, "process_name", "requests");
    Map<Long, String> threads = new LinkedHashMap<>();
    sorted.forEach(event -> threads.putIfAbsent(event.threadId(), event.thread()));
    threads.forEach((id, name) -> timeline.name(THREADS, id, "thread_name", name));
    sorted.forEach(timeline::add);
    timeline.closeAll();
    Map<String, Object> whole = new LinkedHashMap<>();
    whole.put("displayTimeUnit", "ns");
    whole.put("traceEvents", timeline.written);
    try {
      return JSON.std.asString(whole) + "\n";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void name(int process, long thread, String what, String name) {
    Map<String, Object> event = new LinkedHashMap<>();
    event.put("ph", "M");
    event.put("pid", process);
    event.put("tid", thread);
    event.put("name", what);
    event.put("args", Map.of("name", name));
    written.add(event);
  }

  private void add(Recorded event) {
    last = event.nanos();
    Map<String, Object> instant = start("i", THREADS, event.threadId(), event.point().cName());
    instant.put("cat", event.point().area());
    instant.put("s", "t");
    instant.put("args", arguments(event));
    written.add(instant);
    hardware(event);
    if (event.id() != 0) {
      slices(event);
    }
  }

  private Map<String, Object> start(String phase, int process, long thread, String name) {
    Map<String, Object> event = new LinkedHashMap<>();
    event.put("ph", phase);
    event.put("pid", process);
    event.put("tid", thread);
    event.put("ts", (last - began) / MICROS);
    event.put("name", name);
    return event;
  }

  private static Map<String, Object> arguments(Recorded event) {
    Map<String, Object> arguments = new LinkedHashMap<>();
    arguments.put("request", event.id());
    for (String field : event.point().fields()) {
      long number = event.number(field);
      arguments.put(field, field.equals("rwbs") ? BlkparseText.rwbs((int) number) : number);
    }
    return arguments;
  }

  private void async(
      String phase, int process, long thread, String track, String name, @Nullable Recorded from) {
    Map<String, Object> event = start(phase, process, thread, name);
    event.put("cat", process == QUEUES ? "queue" : "request");
    event.put("id", track);
    if (from != null) {
      event.put("args", arguments(from));
    }
    written.add(event);
  }

  // Hardware queues.

  private static String tag(Recorded event) {
    return BlkparseText.device(event.number("dev"))
        + " hctx "
        + event.number("hctx")
        + " tag "
        + event.number("tag");
  }

  private void hardware(Recorded event) {
    boolean issue = event.point() == TracePoint.BLOCK_RQ_ISSUE;
    boolean ends =
        event.point() == TracePoint.BLOCK_RQ_COMPLETE
            || event.point() == TracePoint.BLOCK_RQ_REQUEUE;
    if (!issue && !ends) {
      return;
    }
    String tag = tag(event);
    Recorded before = issue ? issued.put(tag, event) : issued.remove(tag);
    if (before != null) { // the event that ends it may have been lost
      async("e", QUEUES, before.number("hctx"), tag, tag, null);
    }
    if (issue) {
      async("b", QUEUES, event.number("hctx"), tag, tag, event);
    }
  }

  // Requests.

  private void slices(Recorded event) {
    Family family = families.computeIfAbsent(event.id(), id -> new Family());
    TracePoint point = event.point();
    switch (point) {
      case AIO_SUBMIT -> {
        family.polled = (event.number("aio_flags") & AioAbi.IOCB_FLAG_HIPRI) != 0;
        open(family, event, Kind.IOCB, 0, "iocb");
      }
      case IOMAP_DIO_RW_BEGIN, BLKDEV_DIO_BEGIN ->
          open(family, event, Kind.KIOCB, event.subject(), "kiocb");
      case BLOCK_BIO_QUEUE -> open(family, event, Kind.BIO, event.subject(), bio(event));
      case BLOCK_GETRQ -> open(family, event, Kind.REQUEST, tag(event), "request " + tag(event));
      case BLOCK_RQ_COMPLETE -> close(family, event, Kind.REQUEST, tag(event));
      case BLOCK_BIO_COMPLETE -> close(family, event, Kind.BIO, event.subject());
      case IOMAP_DIO_COMPLETE, BLKDEV_DIO_COMPLETE ->
          close(family, event, Kind.KIOCB, event.subject());
      case AIO_COMPLETE, AIO_REAP, AIO_SUBMIT_FAILED -> {
        if (TraceRun.endsRequest(point, family.polled)) {
          close(family, event, Kind.IOCB, 0);
        }
      }
      default -> mark(family, event);
    }
    if (family.open.isEmpty()) {
      families.remove(event.id());
    }
  }

  private static String bio(Recorded event) {
    int opf = (int) event.number("rwbs");
    return "bio "
        + BlkparseText.rwbs(opf)
        + " "
        + event.number("sector")
        + ((opf & BlkTypes.REQ_HIPRI) != 0 ? " polled" : "");
  }

  private void open(Family family, Recorded event, Kind kind, Object key, String name) {
    boolean overlaps = family.open.stream().anyMatch(slice -> slice.kind.compareTo(kind) >= 0);
    String first = Long.toString(event.id());
    String track = overlaps ? first + "." + ++family.others : first;
    if (kind == Kind.REQUEST && overlaps) {
      Slice parent = family.open.getLast(); // its bio, unless that has a request
      boolean fits = parent.kind == Kind.BIO && !parent.track.equals(first);
      if (fits) {
        family.others--;
        track = parent.track;
      }
    }
    family.open.add(new Slice(kind, key, name, track));
    async("b", REQUESTS, event.threadId(), track, name, event);
  }

  private void close(Family family, Recorded event, Kind kind, Object key) {
    for (int i = family.open.size() - 1; i >= 0; i--) {
      Slice slice = family.open.get(i);
      if (slice.kind == kind && slice.key.equals(key)) {
        family.open.remove(i);
        async("e", REQUESTS, event.threadId(), slice.track, slice.name, event);
        return;
      }
    }
  }

  private void mark(Family family, Recorded event) {
    if (!family.open.isEmpty()) {
      String track = family.open.getLast().track;
      async("n", REQUESTS, event.threadId(), track, event.point().cName(), event);
    }
  }

  /** Closes what the recording did not see the end of. */
  private void closeAll() {
    for (Family family : families.values()) {
      for (int i = family.open.size() - 1; i >= 0; i--) {
        Slice slice = family.open.get(i);
        async("e", REQUESTS, 0, slice.track, slice.name, null);
      }
    }
    issued.forEach((tag, event) -> async("e", QUEUES, event.number("hctx"), tag, tag, null));
  }
}
