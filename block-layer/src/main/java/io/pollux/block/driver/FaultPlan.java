// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.BlkTypes;
import io.pollux.block.TagSet;
import io.pollux.uapi.Errno;
import java.util.Arrays;
import java.util.Locale;

/**
 * What goes wrong with a {@link FaultDisk}, and when. A request is known by its number: the first that the disk is given is
 * 1, and a write that needs flushes is given several times. Whether something happens to it is a function of the seed and
 * that number alone, so the same requests in the same order meet the same faults, whatever threads they come from.
 *
 * <p>Made by a {@link Builder}, or from one line by {@link #parse}; {@link #toString} gives the line back. The keys of the
 * line are the builder's methods: {@code seed=7,error-rate=0.001,error=EIO,errors=read,error-at=1000,
 * error-sectors=2048-4095,short-rate=0.01,short-at=12,delay-ns=50000,late-rate=0.01,reorder=8,withhold-tags=100,
 * cut-after-writes=5000,volatile-cache}. {@code error-at}, {@code error-sectors} and {@code short-at} may come several times;
 * {@code cut-within-writes=N} draws the point.
 *
 * <p>A short completion: requests end whole in Linux, and a driver that moved less says so by an error. So a short one
 * moves its first sectors and ends with EIO.
 */
public final class FaultPlan {
  /** Nothing goes wrong: the disk only counts. */
  public static final FaultPlan NONE = builder().build();

  /** Most requests that completions are reordered among. */
  public static final int MAX_REORDER = 1024;

  private static final long MAX_DELAY_NANOS = 10_000_000_000L;
  private static final int MAX_SCRIPTED = 4096; // each is looked at for every request

  // What a number is drawn for.
  private static final long ERROR = 1;
  private static final long SHORT = 2;
  private static final long SHORTER = 3;
  private static final long LATE = 4;
  private static final long ORDER = 5;
  private static final long CUT_POINT = 6;
  private static final long CUT = 7;

  /** What a driver can tell the block layer, of the errors that there are names for. */
  static final int[] ERRNOS = {
    Errno.EIO, Errno.ENODATA, Errno.ENOSPC, Errno.ENOMEM, Errno.EOPNOTSUPP, Errno.ETIMEDOUT, Errno.EBUSY, Errno.EAGAIN
  };

  private static final long SHORT_BIT = 1L << 62;

  /** Which requests may fail, or be short. */
  public enum Errors {
    /** Reads. */
    READ,
    /** Everything but reads: writes, flushes, discards and zeroing. */
    WRITE,
    /** Any. */
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

  /**
   * A plan by which nothing goes wrong, to be told more.
   *
   * @return a builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Reads a plan from a line of KEY=VALUE with commas between.
   *
   * @param line the line; an empty one is {@link #NONE}
   * @return the plan
   * @throws IllegalArgumentException with a sentence that names the key that is wrong
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

  /**
   * The seed.
   *
   * @return as given
   */
  public long seed() {
    return seed;
  }

  /**
   * Whether writes live in a cache until they are flushed.
   *
   * @return true if so
   */
  public boolean volatileCache() {
    return volatileCache;
  }

  /**
   * What is to happen to a request.
   *
   * @return 0 if nothing; else the errno in the low 16 bits, and for a short one {@link #isShort} and its sectors
   */
  long fate(long number, int op, long sector, int sectors) {
    if (!mayFail || !errors.has(op)) {
      return 0;
    }
    if (contains(errorAt, number) || touchesBad(sector, sectors) || happens(ERROR, number, errorRate)) {
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

  /** How many sectors a short request moves: less than it has. */
  static int sectorsOf(long fate) {
    return (int) ((fate & ~SHORT_BIT) >> 16);
  }

  boolean isLate(long number) {
    return delayNanos > 0 && happens(LATE, number, lateRate);
  }

  /** Where a request goes among those that it is reordered with. */
  long orderOf(long number) {
    return draw(ORDER, number);
  }

  /** The seed of the n-th power cut's outcome. */
  long cutSeed(int cut) {
    return draw(CUT, cut);
  }

  /** The write after which the power goes, from 1; 0 for never. */
  long cutAt() {
    return cutWithinWrites == 0 ? cutAfterWrites : 1 + Long.remainderUnsigned(draw(CUT_POINT, 0), cutWithinWrites);
  }

  /** Whether requests may have to wait. */
  boolean holds() {
    return reorder > 0 || (delayNanos > 0 && lateRate > 0);
  }

  /** Whether any request may fail or be short. */
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

  /** What is left of a device's tags, one at least. */
  TagSet tagsOf(TagSet all) {
    int depth = Math.max(1, all.depth() - withholdTags);
    return new TagSet(all.submitQueues(), all.pollQueues(), depth, all.shouldMerge());
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

  /** A number for each seed, purpose and request: a counter that is mixed, so that no stream is shared. */
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

  /** The line that {@link #parse} makes this plan from. */
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

  /** Makes plans. Every method throws IllegalArgumentException, with a sentence, for what is out of range. */
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
    private double lateRate = -1; // not said
    private int reorder;
    private int withholdTags;
    private boolean volatileCache;
    private long cutAfterWrites;
    private long cutWithinWrites;

    private Builder() {}

    /**
     * What everything is drawn from.
     *
     * @param value any number; 0 if it is not said
     * @return this
     */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /**
     * What failing requests answer.
     *
     * @param errno positive: EIO, which it is if it is not said, ENODATA, ENOSPC, ENOMEM, EOPNOTSUPP, ETIMEDOUT, EBUSY or
     *     EAGAIN
     * @return this
     */
    public Builder error(int errno) {
      check(contains(Arrays.stream(ERRNOS).asLongStream().toArray(), errno), "error", "no disk answers " + Errno.name(errno));
      error = errno;
      return this;
    }

    /**
     * Which requests may fail.
     *
     * @param which any, if it is not said
     * @return this
     */
    public Builder errors(Errors which) {
      errors = which;
      return this;
    }

    /**
     * How many requests fail, by chance.
     *
     * @param rate from 0 to 1
     * @return this
     */
    public Builder errorRate(double rate) {
      errorRate = probability("error-rate", rate);
      return this;
    }

    /**
     * A request that fails, besides others.
     *
     * @param number from 1
     * @return this
     */
    public Builder errorAt(long number) {
      errorAt = with(errorAt, positive("error-at", number), "error-at");
      return this;
    }

    /**
     * Sectors that fail, besides others: every request that touches one.
     *
     * @param first from 0
     * @param last not before the first
     * @return this
     */
    public Builder errorSectors(long first, long last) {
      check(first >= 0 && first <= last, "error-sectors", first + "-" + last + " is no range of sectors");
      errorSectors = with(with(errorSectors, first, "error-sectors"), last, "error-sectors");
      return this;
    }

    /**
     * How many reads and writes are short, by chance.
     *
     * @param rate from 0 to 1
     * @return this
     */
    public Builder shortRate(double rate) {
      shortRate = probability("short-rate", rate);
      return this;
    }

    /**
     * A request that is short, besides others, if it is a read or write.
     *
     * @param number from 1
     * @return this
     */
    public Builder shortAt(long number) {
      shortAt = with(shortAt, positive("short-at", number), "short-at");
      return this;
    }

    /**
     * How much later late requests complete: all of them, if no rate is said.
     *
     * @param nanos from 0 to ten seconds
     * @return this
     */
    public Builder delayNanos(long nanos) {
      check(nanos >= 0 && nanos <= MAX_DELAY_NANOS, "delay-ns", nanos + " is not from 0 to ten seconds");
      delayNanos = nanos;
      return this;
    }

    /**
     * How many requests are late, by chance.
     *
     * @param rate from 0 to 1
     * @return this
     */
    public Builder lateRate(double rate) {
      lateRate = probability("late-rate", rate);
      return this;
    }

    /**
     * Completes requests out of order. On a polled queue, those that a poll finds change places with others of the same
     * so many; on others, requests wait for each other until so many are there, or for a while (the delay, else 100 µs).
     *
     * @param among how many; 0 for their order
     * @return this
     */
    public Builder reorder(int among) {
      check(among >= 0 && among <= MAX_REORDER, "reorder", among + " is not from 0 to " + MAX_REORDER);
      reorder = among;
      return this;
    }

    /**
     * Withholds tags: every hardware queue has so many less, but one at least.
     *
     * @param tags not negative
     * @return this
     */
    public Builder withholdTags(int tags) {
      check(tags >= 0, "withhold-tags", tags + " is negative");
      withholdTags = tags;
      return this;
    }

    /**
     * Writes complete when they are in a cache, and are durable after a flush, or with FUA. There are no discards then, and
     * no zeroing without data.
     *
     * @return this
     */
    public Builder volatileCache() {
      volatileCache = true;
      return this;
    }

    /**
     * Cuts the power, once, when so many writes have been done, unless it was cut before.
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
     * Cuts the power, once, after one of the first so many writes, unless it was cut before.
     *
     * @param writes from 1; 0 for never
     * @return this
     */
    public Builder cutWithinWrites(long writes) {
      check(writes >= 0, "cut-within-writes", writes + " is negative");
      cutWithinWrites = writes;
      return this;
    }

    /**
     * Makes the plan.
     *
     * @return what was said so far
     */
    public FaultPlan build() {
      check(lateRate <= 0 || delayNanos > 0, "late-rate", "it needs a delay-ns");
      check(cutAfterWrites == 0 || cutWithinWrites == 0, "cut-within-writes", "there is a cut-after-writes already");
      return new FaultPlan(this);
    }

    private static double probability(String key, double rate) {
      check(rate >= 0 && rate <= 1, key, rate + " is not from 0 to 1"); // nor is NaN
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
