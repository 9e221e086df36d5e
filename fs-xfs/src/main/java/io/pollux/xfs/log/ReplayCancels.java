// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.uapi.LinuxSource;
import java.util.HashMap;
import java.util.Map;

/**
 * The blocks that were freed. Changes that the log has of them before the last time must not be
 * replayed: the block may have data of a file.
 */
@LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xfs_buf_cancel")
final class ReplayCancels {
  private record Key(long daddr, int bbs) {}

  private final Map<Key, Integer> counts = new HashMap<>();

  /** Counts one cancellation, in the first pass. */
  @LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_add_buffer_cancelled")
  void add(long daddr, int bbs) {
    counts.merge(new Key(daddr, bbs), 1, Integer::sum);
  }

  /** Takes one back, when the second pass has come to it. */
  @LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_put_buffer_cancelled")
  void put(long daddr, int bbs) {
    counts.computeIfPresent(new Key(daddr, bbs), (key, count) -> count > 1 ? count - 1 : null);
  }

  /** Whether a cancellation is still to come. */
  @LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_is_buffer_cancelled")
  boolean has(long daddr, int bbs) {
    return counts.containsKey(new Key(daddr, bbs));
  }
}
