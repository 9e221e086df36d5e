// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.BlkTypes;
import io.pollux.block.TagSet;
import io.pollux.uapi.Errno;
import java.util.Arrays;
import java.util.Locale;

/**
 * The faults that a {@link FaultDisk} injects. Requests are numbered from 1 in the order in which
 * the disk gets them; a write with flushes is numbered at each step. A fault is a function of the
 * seed and the number alone. So the same requests in the same order meet the same faults, on any
 * threads.
 *
 * <p>A {@link Builder} makes a plan, and {@link #parse} makes one from a line; {@link #toString}
 * returns the line. The keys of the line are the builder's methods: {@code
 * seed=7,error-rate=0.001,error=EIO,errors=read,error-at=1000,
 * error-sectors=2048-4095,short-rate=0.01,short-at=12,delay-ns=50000,late-rate=0.01,reorder=8,withhold-tags=100,
 * cut-after-writes=5000,volatile-cache}. {@code error-at}, {@code error-sectors} and {@code
 * short-at} may be repeated. {@code cut-within-writes=N} draws the write after which the power is
 * cut.
 *
 * <p>A short request moves its first sectors and fails with EIO. In Linux a request completes
 * whole, and a driver that moved less reports an error.
 */
public final class FaultPlan {
  /** The plan without faults: the disk only counts. */
  public static final FaultPlan NONE = builder().build();

  /** Maximum number of requests that are reordered together. */
  public static final int MAX_REORDER = 1024;

  private static final long MAX_DELAY_NANOS = 10_000_000_000L;
  private static final int MAX_SCRIPTED = 4096; // each is compared with every request

  // The purposes of draws.
  private static final long ERROR = 1;
  private static final long SHORT = 2;
  private static final long SHORTER = 3;
  private static final long LATE = 4;
  private static final long ORDER = 5;
  private static final long CUT_POINT = 6;
  private static final long CUT = 7;

  /** The errors, among those with names here, that a driver can report to the block layer. */
  static final int[] ERRNOS = {
    Errno.EIO,
    Errno.ENODATA,
    Errno.ENOSPC,
    Errno.ENOMEM,
    Errno.EOPNOTSUPP,
    Errno.ETIMEDOUT,
    Errno.EBUSY,
    Errno.EAGAIN
  };

  private static final long SHORT_BIT = 1L << 62;

  /** The requests that may fail or be short. */
  public enum Errors {
    /** Reads. */
    READ,
    /** All operations except reads: writes, flushes, discards and zeroing. */
    WRITE,
    /** All requests. */
    BOTH;

    boolean has(int op) {
      return this == BOTH || (this == READ) == (op == BlkTypes.REQ_OP_READ);
    }

    String key() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final long seed;
  private final int error;
  private final Errors errors;
  private final double errorRate;
  private final long[] errorAt;
  private final long[] errorSectors; // first, last, first, last
  private final double shortRate;
  private final long[] shortAt;
  private final long delayNanos;
  private final double lateRate;
  private final int reorder;
  private final int withholdTags;
  private final boolean volatileCache;
  private final long cutAfterWrites;
  private final long cutWithinWrites;
  private final boolean mayFail;

  private FaultPlan(Builder from) {
    seed = from.seed;
    error = from.error;
    errors = from.errors;
    errorRate = from.errorRate;
    errorAt = from.errorAt.clone();
    errorSectors = from.errorSectors.clone();
    shortRate = from.shortRate;
    shortAt = from.shortAt.clone();
    delayNanos = from.delayNanos;
    lateRate = from.lateRate < 0 ? (delayNanos > 0 ? 1 : 0) : from.lateRate;
    reorder = from.reorder;
    withholdTags = from.withholdTags;
    volatileCache = from.volatileCache;
    cutAfterWrites = from.cutAfterWrites;
    cutWithinWrites = from.cutWithinWrites;
    mayFail = errorRate > 0 || errorAt.length + errorSectors.length > 0 || cutsShort();
  }

  /** {@return a builder of a plan without faults} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Parses a plan from a line of KEY=VALUE, separated by commas.
   *
   * @param line the line; an empty one is {@link #NONE}
   * @return the plan
   * @throws IllegalArgumentException with a sentence that names the wrong key
   */
  public static FaultPlan parse(String line) {
    Builder builder = builder();
    if (!line.isBlank()) {
      for (String word : line.split(",", -1)) {
        FaultPlanLine.take(builder, word.strip());
      }
    }
    return builder.build();
  }

  /** {@return the seed} */
  public long seed() {
    return seed;
  }

  /** {@return whether writes are cached until they are flushed} */
  public boolean volatileCache() {
    return volatileCache;
  }

  /**
   * Returns the fault of a request.
   *
   * @return 0 for none; otherwise the errno in the low 16 bits, and for a short one {@link
   *     #isShort} and its sectors
   */
  long fate(long number, int op, long sector, int sectors) {
    if (!mayFail || !errors.has(op)) {
      return 0;
    }
    if (contains(errorAt, number)
        || touchesBad(sector, sectors)
        || happens(ERROR, number, errorRate)) {
      return error;
    }
    boolean moves = sectors > 0 && (op == BlkTypes.REQ_OP_READ || op == BlkTypes.REQ_OP_WRITE);
    if (moves && (contains(shortAt, number) || happens(SHORT, number, shortRate))) {
      long some = sectors == 1 ? 0 : 1 + Long.remainderUnsigned(draw(SHORTER, number), sectors - 1);
      return SHORT_BIT | some << 16 | Errno.EIO;
    }
    return 0;
  }

  static int errnoOf(long fate) {
    return (int) (fate & 0xffff);
  }

  static boolean isShort(long fate) {
    return (fate & SHORT_BIT) != 0;
  }

  /** The sectors that a short request moves, fewer than it has. */
  static int sectorsOf(long fate) {
    return (int) ((fate & ~SHORT_BIT) >> 16);
  }

  boolean isLate(long number) {
    return delayNanos > 0 && happens(LATE, number, lateRate);
  }

  /** The rank of a request among those that it is reordered with. */
  long orderOf(long number) {
    return draw(ORDER, number);
  }

  /** The seed for the outcome of the n-th power cut. */
  long cutSeed(int cut) {
    return draw(CUT, cut);
  }

  /** The write after which the power is cut, from 1; 0 for never. */
  long cutAt() {
    return cutWithinWrites == 0
        ? cutAfterWrites
        : 1 + Long.remainderUnsigned(draw(CUT_POINT, 0), cutWithinWrites);
  }

  /** Whether requests may be held back. */
  boolean holds() {
    return reorder > 0 || (delayNanos > 0 && lateRate > 0);
  }

  /** Whether a request may fail or be short. */
  boolean mayFail() {
    return mayFail;
  }

  boolean cutsShort() {
    return shortRate > 0 || shortAt.length > 0;
  }

  long delayNanos() {
    return delayNanos;
  }

  int reorder() {
    return reorder;
  }

  /** The hardware queues without the withheld tags, with at least one tag each. */
  TagSet tagsOf(TagSet all) {
    int depth = Math.max(1, all.depth() - withholdTags);
    return new TagSet(
        all.submitQueues(), all.pollQueues(), depth, all.shouldMerge(), all.timeoutNanos());
  }

  private boolean happens(long what, long number, double rate) {
    return rate > 0 && (draw(what, number) >>> 11) * 0x1p-53 < rate;
  }

  private boolean touchesBad(long sector, int sectors) {
    for (int i = 0; i < errorSectors.length; i += 2) {
      if (sector <= errorSectors[i + 1] && sector + sectors > errorSectors[i]) {
        return true;
      }
    }
    return false;
  }

  private static boolean contains(long[] numbers, long number) {
    for (long each : numbers) {
      if (each == number) {
        return true;
      }
    }
    return false;
  }

  /**
   * Draws a number for a seed, a purpose and a request: a hash of all three, so that no stream is
   * shared.
   */
  private long draw(long what, long number) {
    return mix(mix(mix(seed) + what) + number);
  }

  private static long mix(long value) {
    long mixed = value + 0x9e3779b97f4a7c15L;
    mixed = (mixed ^ (mixed >>> 32)) * 0xd6e8feb86659fd93L;
    mixed = (mixed ^ (mixed >>> 29)) * 0xbf58476d1ce4e5b9L;
    return mixed ^ (mixed >>> 32);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FaultPlan plan && plan.toString().equals(toString());
  }

  @Override
  public int hashCode() {
    return toString().hashCode();
  }

  /** The line that {@link #parse} accepts. */
  @Override
  public String toString() {
    StringBuilder line = new StringBuilder("seed=" + seed);
    say(line, error != Errno.EIO, "error", Errno.name(error));
    say(line, errors != Errors.BOTH, "errors", errors.key());
    say(line, errorRate > 0, "error-rate", errorRate);
    for (long number : errorAt) {
      say(line, true, "error-at", number);
    }
    for (int i = 0; i < errorSectors.length; i += 2) {
      say(line, true, "error-sectors", errorSectors[i] + "-" + errorSectors[i + 1]);
    }
    say(line, shortRate > 0, "short-rate", shortRate);
    for (long number : shortAt) {
      say(line, true, "short-at", number);
    }
    say(line, delayNanos > 0, "delay-ns", delayNanos);
    say(line, delayNanos > 0 && lateRate != 1, "late-rate", lateRate);
    say(line, reorder > 0, "reorder", reorder);
    say(line, withholdTags > 0, "withhold-tags", withholdTags);
    say(line, cutAfterWrites > 0, "cut-after-writes", cutAfterWrites);
    say(line, cutWithinWrites > 0, "cut-within-writes", cutWithinWrites);
    return line.append(volatileCache ? ",volatile-cache" : "").toString();
  }

  private static void say(StringBuilder line, boolean there, String key, Object value) {
    if (there) {
      line.append(',').append(key).append('=').append(value);
    }
  }

  /**
   * Builds plans. Every method throws IllegalArgumentException, with a sentence, for a value out of
   * range.
   */
  public static final class Builder {
    private long seed;
    private int error = Errno.EIO;
    private Errors errors = Errors.BOTH;
    private double errorRate;
    private long[] errorAt = {};
    private long[] errorSectors = {};
    private double shortRate;
    private long[] shortAt = {};
    private long delayNanos;
    private double lateRate = -1; // not set
    private int reorder;
    private int withholdTags;
    private boolean volatileCache;
    private long cutAfterWrites;
    private long cutWithinWrites;

    private Builder() {}

    /**
     * Sets the seed of all draws.
     *
     * @param value any number; the default is 0
     * @return this
     */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /**
     * Sets the errno of failing requests.
     *
     * @param errno positive: EIO, the default, ENODATA, ENOSPC, ENOMEM, EOPNOTSUPP, ETIMEDOUT,
     *     EBUSY or EAGAIN
     * @return this
     */
    public Builder error(int errno) {
      check(
          contains(Arrays.stream(ERRNOS).asLongStream().toArray(), errno),
          "error",
          "no disk answers " + Errno.name(errno));
      error = errno;
      return this;
    }

    /**
     * Sets the requests that may fail.
     *
     * @param which the requests; the default is BOTH
     * @return this
     */
    public Builder errors(Errors which) {
      errors = which;
      return this;
    }

    /**
     * Sets the fraction of requests that fail.
     *
     * @param rate from 0 to 1
     * @return this
     */
    public Builder errorRate(double rate) {
      errorRate = probability("error-rate", rate);
      return this;
    }

    /**
     * Adds a request that fails.
     *
     * @param number from 1
     * @return this
     */
    public Builder errorAt(long number) {
      errorAt = with(errorAt, positive("error-at", number), "error-at");
      return this;
    }

    /**
     * Adds bad sectors: every request that touches one fails.
     *
     * @param first from 0
     * @param last at least first
     * @return this
     */
    public Builder errorSectors(long first, long last) {
      check(
          first >= 0 && first <= last,
          "error-sectors",
          first + "-" + last + " is no range of sectors");
      errorSectors = with(with(errorSectors, first, "error-sectors"), last, "error-sectors");
      return this;
    }

    /**
     * Sets the fraction of reads and writes that are short.
     *
     * @param rate from 0 to 1
     * @return this
     */
    public Builder shortRate(double rate) {
      shortRate = probability("short-rate", rate);
      return this;
    }

    /**
     * Adds a request that is short, if it is a read or write.
     *
     * @param number from 1
     * @return this
     */
    public Builder shortAt(long number) {
      shortAt = with(shortAt, positive("short-at", number), "short-at");
      return this;
    }

    /**
     * Sets the delay of late requests. Without a rate, all are late.
     *
     * @param nanos from 0 to ten seconds
     * @return this
     */
    public Builder delayNanos(long nanos) {
      check(
          nanos >= 0 && nanos <= MAX_DELAY_NANOS,
          "delay-ns",
          nanos + " is not from 0 to ten seconds");
      delayNanos = nanos;
      return this;
    }

    /**
     * Sets the fraction of requests that are late.
     *
     * @param rate from 0 to 1
     * @return this
     */
    public Builder lateRate(double rate) {
      lateRate = probability("late-rate", rate);
      return this;
    }

    /**
     * Reorders completions. On a polled queue, the requests of one poll are reordered in groups. On
     * other queues, requests wait until a group is complete, or for the delay, or 100 µs without
     * one.
     *
     * @param among size of a group; 0 for no reordering
     * @return this
     */
    public Builder reorder(int among) {
      check(
          among >= 0 && among <= MAX_REORDER,
          "reorder",
          among + " is not from 0 to " + MAX_REORDER);
      reorder = among;
      return this;
    }

    /**
     * Withholds tags of every hardware queue, except the last one.
     *
     * @param tags how many; not negative
     * @return this
     */
    public Builder withholdTags(int tags) {
      check(tags >= 0, "withhold-tags", tags + " is negative");
      withholdTags = tags;
      return this;
    }

    /**
     * Adds a volatile cache: writes complete when they are cached, and are durable after a flush or
     * with FUA. Discards, and zeroing without data, are then unsupported.
     *
     * @return this
     */
    public Builder volatileCache() {
      volatileCache = true;
      return this;
    }

    /**
     * Cuts the power after a number of writes, unless it was cut before.
     *
     * @param writes from 1; 0 for never
     * @return this
     */
    public Builder cutAfterWrites(long writes) {
      check(writes >= 0, "cut-after-writes", writes + " is negative");
      cutAfterWrites = writes;
      return this;
    }

    /**
     * Cuts the power after one of the first writes, drawn from the seed, unless it was cut before.
     *
     * @param writes from 1; 0 for never
     * @return this
     */
    public Builder cutWithinWrites(long writes) {
      check(writes >= 0, "cut-within-writes", writes + " is negative");
      cutWithinWrites = writes;
      return this;
    }

    /** {@return the plan} */
    public FaultPlan build() {
      check(lateRate <= 0 || delayNanos > 0, "late-rate", "it needs a delay-ns");
      check(
          cutAfterWrites == 0 || cutWithinWrites == 0,
          "cut-within-writes",
          "there is a cut-after-writes already");
      return new FaultPlan(this);
    }

    private static double probability(String key, double rate) {
      check(rate >= 0 && rate <= 1, key, rate + " is not from 0 to 1"); // NaN fails, too
      return rate;
    }

    private static long positive(String key, long number) {
      check(number > 0, key, "requests are numbered from 1, and this is " + number);
      return number;
    }

    private static long[] with(long[] numbers, long more, String key) {
      check(numbers.length < MAX_SCRIPTED, key, "there are more than " + MAX_SCRIPTED);
      long[] longer = Arrays.copyOf(numbers, numbers.length + 1);
      longer[numbers.length] = more;
      return longer;
    }

    static void check(boolean good, String key, String sentence) {
      if (!good) {
        throw wrong(key, sentence);
      }
    }

    static IllegalArgumentException wrong(String key, String sentence) {
      return new IllegalArgumentException("fault plan, " + key + ": " + sentence);
    }
  }
}
