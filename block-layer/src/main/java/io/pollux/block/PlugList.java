// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.trace.Trace;
import io.pollux.uapi.LinuxSource;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A plug's requests for one hardware queue, and tags taken in advance, so that a batch costs one
 * atomic operation and not one per request. It takes as many as the batch before used.
 */
final class PlugList {
  private static final long NONE = -1; // no sector

  /** Maximum number of tags taken at a time. */
  static final int MAX_AHEAD = 32;

  private @Nullable HwCtx hctx; // null while empty
  private @Nullable Request first;
  private @Nullable Request last;
  private @Nullable Bio biotail; // of the last request, once a bio was merged into it
  private int bytes; // of the last request, with biotail
  private int segments; // of the last request, with biotail
  private long nextSector = NONE; // after the last request
  private int earlier; // requests of this batch without a tag in taken
  private int expected; // requests of the batch before

  // Tags taken and not used yet; see HwCtx.takeAhead.
  int word;
  long tags;
  private long taken; // with the used ones

  PlugList() {}

  boolean holds(HwCtx wanted) {
    return hctx == wanted;
  }

  boolean hasTags() {
    return tags != 0;
  }

  boolean isFree() {
    return hctx == null;
  }

  void open(HwCtx opening) {
    if (opening != hctx) {
      assert hctx == null : "two queues in one list";
      hctx = opening;
    }
  }

  /**
   * Merges a bio into the last request if it is contiguous, of the same kind, and within the
   * limits.
   */
  @LinuxSource(
      file = "block/blk-core.c",
      name = {"blk_attempt_plug_merge", "bio_attempt_back_merge"})
  boolean attemptBackMerge(Bio more, QueueLimits limits) {
    return nextSector == more.sector() && merge(more, limits);
  }

  private boolean merge(Bio more, QueueLimits limits) {
    Request request = last;
    if (request == null) {
      return false;
    }
    Bio tail = biotail;
    if (tail == null) { // the first merge into this request
      tail = request.bio();
      bytes = tail.size();
      segments = tail.vecs();
    }
    int wholeBytes = bytes + more.size(); // each at most the limit: no overflow
    int wholeSegments = segments + more.vecs();
    if (tail.opf() != more.opf()
        || tail.ioprio() != more.ioprio()
        || more.op() > BlkTypes.REQ_OP_WRITE
        || (tail.sequence | more.sequence) != 0
        || wholeBytes > limits.maxSectors() << BlkTypes.SECTOR_SHIFT
        || wholeSegments > limits.maxSegments()
        || (limits.chunkSectors() != 0 && (more.sector() & (limits.chunkSectors() - 1)) == 0)) {
      return false;
    }
    tail.next = more;
    biotail = more;
    bytes = wholeBytes;
    segments = wholeSegments;
    nextSector += more.size() >> BlkTypes.SECTOR_SHIFT;
    request.hctx().stats().merged(request.tag(), more.op());
    if (Trace.on()) {
      BlockTrace.bioBackmerge(request, more);
    }
    return true;
  }

  /** Adds a line for each request, for a dump. */
  void describe(List<String> lines) {
    for (Request request = first; request != null; request = request.next) {
      lines.add(request.toString());
    }
  }

  int lastCookie() {
    Request request = last;
    assert request != null : "an empty list";
    return request.hctx().cookie(request);
  }

  /** The number of requests of this batch, counted by their tags and not one by one. */
  private int held() {
    return earlier + Long.bitCount(taken ^ tags);
  }

  /** Counts a request whose tag is not from {@link #tryGet}. */
  void countOne() {
    earlier++;
  }

  /** Takes a request, or returns null if all are in use. */
  @Nullable Request tryGet(HwCtx from) {
    if (tags == 0) {
      earlier = held();
      taken = 0;
      if (!from.takeAhead(this, Math.min(MAX_AHEAD, Math.max(1, expected - earlier)))) {
        return null;
      }
      taken = tags;
    }
    return get(from);
  }

  /** Takes a request with one of the tags taken in advance. */
  Request get(HwCtx from) {
    long bit = Long.lowestOneBit(tags);
    tags ^= bit;
    return from.request((word << 6) + Long.numberOfTrailingZeros(bit));
  }

  void add(Request request, Bio bio) {
    biotail = null;
    nextSector = bio.sector() + (bio.size() >> BlkTypes.SECTOR_SHIFT);
    Request tail = last;
    if (tail == null) {
      first = request;
    } else {
      tail.next = request;
    }
    last = request;
  }

  /** Passes the requests to the driver and puts the unused tags. Returns the number of requests. */
  int flush() {
    HwCtx from = hctx;
    assert from != null : "flushed while empty";
    hctx = null; // a driver may call into this list again
    int requests = held();
    expected = requests;
    earlier = 0;
    taken = 0;
    nextSector = NONE;
    if (tags != 0) {
      from.putTags(word, tags);
      tags = 0;
    }
    Request chain = first;
    if (chain != null) {
      first = null;
      last = null;
      biotail = null;
      if (Trace.on()) {
        BlockTrace.unplug(chain, requests);
      }
      from.queue().queueRqs(from, chain);
    }
    return requests;
  }
}
