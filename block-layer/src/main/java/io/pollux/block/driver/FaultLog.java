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
 * The faults that a {@link FaultDisk} injected: all are counted, and the first {@link #MOST_LISTED}
 * are listed. From any thread.
 *
 * <p>A program may see other counts. A request merged from several bios is one fault here and fails
 * all of them. A split bio fails once, however many of its pieces did.
 */
public final class FaultLog {
  /** Maximum number of listed faults. */
  public static final int MOST_LISTED = 1 << 16;

  /** The kinds of faults. */
  public enum Kind {
    /** A request failed and moved nothing. */
    ERROR,
    /** A read or write failed and moved its first sectors. */
    SHORT,
    /** A request was held back for the plan's delay. */
    LATE,
    /** A request completed after a later one. */
    REORDERED,
    /** The power was cut. The request is the last one queued, the sectors are those not flushed. */
    POWER_CUT,
    /** A request failed because the power was off. */
    POWER_OFF,
    /** A write that was not flushed before the power cut, and is on the medium. */
    KEPT,
    /** A write that was not flushed before the power cut, and is not on the medium. */
    LOST,
    /** A write that was not flushed before the power cut, with a part on the medium. */
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
   * One fault.
   *
   * @param kind the kind
   * @param request the request's number, from 1
   * @param op its operation, one of BlkTypes.REQ_OP_*
   * @param sector its first sector
   * @param sectors its number of sectors
   * @param bios its number of bios
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
    add(
        new Fault(
            kind,
            number,
            request.bio().op(),
            request.bio().sector(),
            request.bytes() >> BlkTypes.SECTOR_SHIFT,
            bios));
  }

  synchronized void add(Fault fault) {
    counts.merge(fault.kind(), 1L, Long::sum);
    failedBios += fault.kind().fails() ? fault.bios() : 0;
    if (faults.size() < MOST_LISTED) {
      faults.add(fault);
    }
  }

  /**
   * {@return how often a kind of fault occurred}
   *
   * @param kind the kind
   */
  public synchronized long count(Kind kind) {
    return counts.getOrDefault(kind, 0L);
  }

  /** {@return the number of failed requests: errors, short ones, and those without power} */
  public synchronized long failed() {
    return count(Kind.ERROR) + count(Kind.SHORT) + count(Kind.POWER_OFF);
  }

  /**
   * {@return the number of bios of failed requests; more than {@link #failed} if any were merged}
   */
  public synchronized long failedBios() {
    return failedBios;
  }

  /** {@return a copy of the listed faults, in order} */
  public synchronized List<Fault> faults() {
    return List.copyOf(faults);
  }

  /** The counts other than 0, such as "error=3 late=12", or "none". */
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
