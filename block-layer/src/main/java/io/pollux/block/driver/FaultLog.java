// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.Request;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a {@link FaultDisk} did wrong: everything is counted, and the first {@link #MOST_LISTED} are listed. From any thread.
 *
 * <p>To compare it with what a program saw: a request that was merged from several bios is one fault here and fails all of
 * them; a bio that was split fails once, however many of its pieces did.
 */
public final class FaultLog {
  /** How many faults are listed. */
  public static final int MOST_LISTED = 1 << 16;

  /** What can happen. */
  public enum Kind {
    /** A request failed and moved nothing. */
    ERROR,
    /** A read or write failed and moved its first sectors. */
    SHORT,
    /** A request was held back for the plan's delay. */
    LATE,
    /** A request was done behind one that came later. */
    REORDERED,
    /** The power went; the request is the last one given to the disk, the sectors those that were not flushed. */
    POWER_CUT,
    /** A request failed for want of power. */
    POWER_OFF,
    /** A write that was not flushed when the power went, and is on the medium. */
    KEPT,
    /** A write that was not flushed when the power went, and is not on the medium. */
    LOST,
    /** A write that was not flushed when the power went, and a part of it is on the medium. */
    TORN;

    /** Whether the request failed. */
    private boolean fails() {
      return this == ERROR || this == SHORT || this == POWER_OFF;
    }

    private String word() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /**
   * Something that went wrong.
   *
   * @param kind what
   * @param request the request's number, from 1
   * @param op what it was to do, one of BlkTypes.REQ_OP_*
   * @param sector its first sector
   * @param sectors how many it has
   * @param bios of how many bios it was made
   */
  public record Fault(Kind kind, long request, int op, long sector, int sectors, int bios) {}

  private final Map<Kind, Long> counts = new EnumMap<>(Kind.class);
  private final List<Fault> faults = new ArrayList<>();
  private long failedBios;

  FaultLog() {}

  void add(Kind kind, long number, Request request) {
    int bios = 0;
    for (Bio bio = request.bio(); bio != null; bio = bio.next()) {
      bios++;
    }
    add(new Fault(kind, number, request.bio().op(), request.bio().sector(), request.bytes() >> BlkTypes.SECTOR_SHIFT, bios));
  }

  synchronized void add(Fault fault) {
    counts.merge(fault.kind(), 1L, Long::sum);
    failedBios += fault.kind().fails() ? fault.bios() : 0;
    if (faults.size() < MOST_LISTED) {
      faults.add(fault);
    }
  }

  /**
   * How often something happened.
   *
   * @param kind what
   * @return how often
   */
  public synchronized long count(Kind kind) {
    return counts.getOrDefault(kind, 0L);
  }

  /**
   * How many requests failed, for whatever reason.
   *
   * @return errors, short ones, and those without power
   */
  public synchronized long failed() {
    return count(Kind.ERROR) + count(Kind.SHORT) + count(Kind.POWER_OFF);
  }

  /**
   * Of how many bios the requests were made that failed.
   *
   * @return as many as {@link #failed}, and more if any were merged
   */
  public synchronized long failedBios() {
    return failedBios;
  }

  /**
   * What happened, in its order.
   *
   * @return a copy of the list
   */
  public synchronized List<Fault> faults() {
    return List.copyOf(faults);
  }

  /** The counts that are not 0: "error=3 late=12", or "none". */
  @Override
  public synchronized String toString() {
    StringBuilder line = new StringBuilder();
    for (Kind kind : Kind.values()) {
      if (count(kind) != 0) {
        line.append(line.isEmpty() ? "" : " ").append(kind.word()).append('=').append(count(kind));
      }
    }
    return line.isEmpty() ? "none" : line.toString();
  }
}
