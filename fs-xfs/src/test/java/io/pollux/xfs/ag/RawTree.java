// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.xfs.btree.XfsBtreeType;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Checks the structure of a tree, by its bytes and without the cursor: levels, fill, keys, siblings
 * and counts of blocks.
 */
final class RawTree {
  private final XfsTrans tp;
  private final XfsBtreeType<?> type;
  private final long agno; // -1 for a tree with block numbers of the filesystem
  private final int recordBytes;
  private final int keyBytes;
  private final int headerBytes;
  private final int pointerBytes;

  /** The records, as their bytes. */
  final List<byte[]> records = new ArrayList<>();

  /** The number of its blocks. */
  int blocks;

  private final long[] last = new long[16]; // of each level
  private final long[] expected = new long[16]; // as its right sibling says

  RawTree(XfsTrans tp, XfsBtreeType<?> type, long agno, int recordBytes, int keyBytes) {
    this.tp = tp;
    this.type = type;
    this.agno = agno;
    this.recordBytes = recordBytes;
    this.keyBytes = keyBytes;
    headerBytes = agno >= 0 ? 56 : 72;
    pointerBytes = agno >= 0 ? 4 : 8;
    Arrays.fill(last, -1);
    Arrays.fill(expected, -1);
  }

  /** Walks the tree of a group. */
  RawTree walk(long root, int levels) throws ErrnoException {
    visit(root, levels - 1, true, true);
    end();
    return this;
  }

  /** Walks the tree below a root in an inode. */
  RawTree walkFork(BufData fork) throws ErrnoException {
    int level = fork.u16(0);
    int count = fork.u16(2);
    int room = (fork.size() - 4) / (keyBytes + pointerBytes);
    assertThat(level).isPositive();
    for (int i = 0; i < count; i++) {
      int at = 4 + room * keyBytes + i * pointerBytes;
      byte[] key = visit(fork.i64(at), level - 1, false, count == 1);
      assertThat(fork.copy(4 + i * keyBytes, keyBytes)).isEqualTo(key);
    }
    end();
    return this;
  }

  private void end() {
    for (long each : expected) {
      assertThat(each).as("right sibling of the last block").isEqualTo(-1);
    }
  }

  /** Checks a subtree. Returns the keys that its parent should have. */
  private byte[] visit(long bno, int level, boolean root, boolean mayBeShort)
      throws ErrnoException {
    XfsSb sb = tp.sb();
    long fsb = agno >= 0 ? sb.fsb(agno, bno) : bno;
    BufData block = tp.read(sb.fsbToByte(fsb), sb.blockSize, type.ops(), () -> "a tree").data();
    blocks++;
    assertThat(block.u16(4)).as("level").isEqualTo(level);
    assertThat(agno >= 0 ? block.i32(8) : block.i64(8)).as("left").isEqualTo(last[level]);
    assertThat(expected[level]).as("right of the one before").isIn(-1L, bno);
    assertThat(last[level] == -1).isEqualTo(expected[level] == -1);
    last[level] = bno;
    expected[level] = agno >= 0 ? block.i32(12) : block.i64(16);
    int count = block.u16(6);
    int room = (block.size() - headerBytes) / (level == 0 ? recordBytes : keyBytes + pointerBytes);
    assertThat(count).isLessThanOrEqualTo(room);
    if (root) {
      assertThat(count).isGreaterThanOrEqualTo(level == 0 ? 0 : 2);
    } else if (!mayBeShort) {
      assertThat(count).as("at least half full").isGreaterThanOrEqualTo(room / 2);
    }
    byte[] keys = new byte[0];
    for (int i = 0; i < count; i++) {
      byte[] own;
      if (level == 0) {
        byte[] rec = block.copy(headerBytes + i * recordBytes, recordBytes);
        records.add(rec);
        own = RawKeys.of(rec, keyBytes);
      } else {
        int at = headerBytes + room * keyBytes + i * pointerBytes;
        own = visit(agno >= 0 ? block.u32(at) : block.i64(at), level - 1, false, false);
        assertThat(block.copy(headerBytes + i * keyBytes, keyBytes)).as("key").isEqualTo(own);
      }
      keys = i == 0 ? own : RawKeys.union(keys, own);
    }
    return keys;
  }
}
