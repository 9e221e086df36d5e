// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.trace;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import jdk.jfr.AnnotationElement;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.EventFactory;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.ValueDescriptor;

/**
 * Writes each event to the recordings of the Flight Recorder that are running. There is an event
 * type for each {@link TracePoint}, in the category Pollux, with the request as {@code id} and the
 * point's fields.
 *
 * <p>The name of a type is {@link #name}, for example {@code io.pollux.BlockRqIssue}.
 */
public final class JfrTrace implements TraceListener {
  /** The prefix of the names of the event types. */
  private static final String PREFIX = "io.pollux.";

  private final Map<TracePoint, EventFactory> factories = new EnumMap<>(TracePoint.class);

  /** Registers the event types. */
  public JfrTrace() {
    for (TracePoint point : TracePoint.values()) {
      factories.put(point, EventFactory.create(annotations(point), values(point)));
    }
  }

  /** Removes the event types. Recordings that are running keep the events so far. */
  public void unregister() {
    factories.values().forEach(EventFactory::unregister);
  }

  /**
   * Returns the name of a point's event type.
   *
   * @param point the point
   * @return the name, such as io.pollux.BlockRqIssue
   */
  public static String name(TracePoint point) {
    StringBuilder name = new StringBuilder(PREFIX);
    for (String word : point.cName().split("_", -1)) {
      name.append(word.substring(0, 1).toUpperCase(Locale.ROOT)).append(word.substring(1));
    }
    return name.toString();
  }

  private static List<AnnotationElement> annotations(TracePoint point) {
    return List.of(
        new AnnotationElement(Name.class, name(point)),
        new AnnotationElement(Label.class, point.cName()),
        new AnnotationElement(Category.class, new String[] {"Pollux", point.area()}),
        new AnnotationElement(Enabled.class, true),
        new AnnotationElement(StackTrace.class, false));
  }

  private static List<ValueDescriptor> values(TracePoint point) {
    List<ValueDescriptor> values = new ArrayList<>();
    values.add(
        new ValueDescriptor(
            long.class,
            "id",
            List.of(
                new AnnotationElement(Label.class, "request"),
                new AnnotationElement(
                    Description.class, "The same for all events of an iocb; 0 for none"))));
    for (String field : point.fields()) {
      values.add(new ValueDescriptor(long.class, field, unit(field)));
    }
    return values;
  }

  private static List<AnnotationElement> unit(String field) {
    AnnotationElement label = new AnnotationElement(Label.class, field);
    return switch (field) {
      case "bytes", "count", "length", "size", "isize", "pos", "offset" ->
          List.of(label, new AnnotationElement(DataAmount.class, DataAmount.BYTES));
      case "sector", "new_sector", "nr_sector" ->
          List.of(label, new AnnotationElement(Description.class, "In sectors of 512 bytes"));
      case "startoff", "startblock", "blockcount", "lblock", "pblock", "len" ->
          List.of(label, new AnnotationElement(Description.class, "In blocks of the filesystem"));
      default -> List.of(label);
    };
  }

  @Override
  public void onEvent(TraceEvent event) {
    EventFactory factory = factories.get(event.point());
    assert factory != null : event;
    Event written = factory.newEvent();
    if (!written.isEnabled()) {
      return;
    }
    written.set(0, event.id());
    for (int i = 0; i < event.point().fields().size(); i++) {
      written.set(i + 1, event.number(i));
    }
    written.commit();
  }
}
