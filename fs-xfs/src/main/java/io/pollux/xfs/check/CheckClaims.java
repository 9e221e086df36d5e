// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.xfs.format.XfsSb;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The blocks that things say they own, for each group. */
final class CheckClaims {
  // owners that are no files: XFS_RMAP_OWN_*
  static final long OWN_FS = -3;
  static final long OWN_LOG = -4;
  static final long OWN_AG = -5;
  static final long OWN_INOBT = -6;
  static final long OWN_INODES = -7;
  static final long OWN_REFC = -8;
  static final long OWN_COW = -9;

  // flags of the offset: XFS_RMAP_OFF_*
  static final long ATTR_FORK = 1L << 63;
  static final long BMBT = 1L << 62;
  static final long UNWRITTEN = 1L << 61;
  static final long OFFSET_MASK = (1L << 54) - 1;

  private static final int MOST = 4_000_000;

  /**
   * A run of blocks with an owner.
   *
   * @param start the first block, in its group
   * @param count blocks
   * @param owner an inode number, or one of OWN_
   * @param offset block in the file, and flags; 0 for others
   */
  record Claim(long start, long count, long owner, long offset) {
    static final Comparator<Claim> BY_START =
        Comparator.comparingLong(Claim::start)
            .thenComparing(Claim::owner, Long::compareUnsigned)
            .thenComparing(Claim::offset, Long::compareUnsigned);

    long end() {
      return start + count;
    }

    boolean isFile() {
      return owner >= 0;
    }

    /** Whether it is file data, which other files may share. */
    boolean sharable() {
      return isFile() && (offset & (ATTR_FORK | BMBT)) == 0;
    }

    String ownerName() {
      if (isFile()) {
        return "inode "
            + owner
            + ((offset & BMBT) != 0
                ? " (extent tree)"
                : (offset & ATTR_FORK) != 0 ? " (attributes)" : "");
      }
      return switch ((int) owner) {
        case (int) OWN_FS -> "the headers of the group";
        case (int) OWN_LOG -> "the log";
        case (int) OWN_AG -> "the trees of free space and owners";
        case (int) OWN_INOBT -> "the trees of inodes";
        case (int) OWN_INODES -> "inodes";
        case (int) OWN_REFC -> "the tree of reference counts";
        case (int) OWN_COW -> "a copy in progress";
        default -> "an unknown owner (" + owner + ")";
      };
    }
  }

  private final Map<Long, List<Claim>> groups = new HashMap<>();
  private int total;

  /** Adds a claim inside a group. */
  void add(long agno, long agbno, long count, long owner, long offset) {
    total++;
    if (total <= MOST) {
      groups
          .computeIfAbsent(agno, ignored -> new ArrayList<>())
          .add(new Claim(agbno, count, owner, offset));
    }
  }

  /** Adds a claim of a valid extent. */
  void add(XfsSb sb, long fsb, long count, long owner, long offset) {
    add(sb.agno(fsb), sb.agbno(fsb), count, owner, offset);
  }

  /** Whether there were too many claims to keep. */
  boolean overflowed() {
    return total > MOST;
  }

  /** Takes the claims of a group, sorted by their blocks. */
  List<Claim> take(long agno) {
    List<Claim> found = groups.remove(agno);
    List<Claim> claims = found == null ? new ArrayList<>() : found;
    claims.sort(Claim.BY_START);
    return claims;
  }
}
