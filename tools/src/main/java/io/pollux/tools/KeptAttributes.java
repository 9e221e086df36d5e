// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.host.HostFailure;
import io.pollux.tools.host.HostNode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Gives a copy the owner, mode and times of its source. Only root may give away files; another user
 * keeps owner and group as far as Linux permits. The set-user-id bit is kept only with the same
 * owner, and set-group-id only with the same group. Otherwise the bit would grant another user's
 * rights.
 */
final class KeptAttributes {
  private static final int NONE = -1; // chown(2): do not change
  private static final long NANOS = 1_000_000_000;

  private final boolean root;
  private final Consumer<String> lost;
  private final Consumer<String> clamped;

  /**
   * Creates a copier of attributes.
   *
   * @param root whether any owner can be set
   * @param lost receives a description of each lost attribute
   * @param clamped receives a time that the host's filesystem cannot store
   */
  KeptAttributes(boolean root, Consumer<String> lost, Consumer<String> clamped) {
    this.root = root;
    this.lost = lost;
    this.clamped = clamped;
  }

  /**
   * Sets the attributes of a copy. The order matters: a new owner clears mode bits, and later
   * changes would alter the times.
   */
  void give(HostNode copy, FileStatus from) throws HostFailure {
    owner(copy, from);
    if (!from.is(StatMode.S_IFLNK)) { // a symlink has no mode
      mode(copy, from);
    }
    times(copy, from);
  }

  private void owner(HostNode copy, FileStatus from) throws HostFailure {
    try {
      copy.setOwner(from.uid(), from.gid());
    } catch (HostFailure e) {
      if (e.errno() != Errno.EPERM && e.errno() != Errno.EINVAL) {
        throw e;
      }
      if (root) {
        lost.accept(
            "its owner "
                + unsigned(from.uid())
                + ":"
                + unsigned(from.gid())
                + " is not kept: "
                + e.getMessage());
      }
      group(copy, from.gid());
    }
  }

  /** A user may give a file to any of its own groups. */
  private static void group(HostNode copy, int gid) throws HostFailure {
    try {
      copy.setOwner(NONE, gid);
    } catch (HostFailure e) {
      if (e.errno() != Errno.EPERM && e.errno() != Errno.EINVAL) {
        throw e;
      }
    }
  }

  private static String unsigned(int id) {
    return Integer.toUnsignedString(id);
  }

  private void mode(HostNode copy, FileStatus from) throws HostFailure {
    int wanted = from.mode() & StatMode.S_IALLUGO;
    FileStatus owned = copy.status();
    int granted = wanted;
    if (owned.uid() != from.uid()) {
      granted &= ~StatMode.S_ISUID;
    }
    if (owned.gid() != from.gid()) {
      granted &= ~StatMode.S_ISGID;
    }
    copy.setMode(granted);
    int set = copy.status().mode() & StatMode.S_IALLUGO;
    if (set != wanted) {
      String why = granted != wanted ? ", as its owner or group is another one here" : "";
      lost.accept(
          String.format(Locale.ROOT, "its mode %04o is not kept, it is %04o%s", wanted, set, why));
    }
  }

  private void times(HostNode copy, FileStatus from) throws HostFailure {
    if (!sane(from.atime()) || !sane(from.mtime())) {
      lost.accept("its times are not kept: they are none");
      return;
    }
    copy.setTimes(from.atime(), from.mtime());
    long set = copy.status().mtime().seconds();
    if (Math.abs(set - from.mtime().seconds()) > 1) { // some filesystems store only even seconds
      clamped.accept(
          "its time "
              + Times.full(from.mtime())
              + " does not fit the filesystem there and is "
              + Times.full(copy.status().mtime()));
    }
  }

  /**
   * Whether the nanoseconds are valid. Other values have a special meaning in utimensat(2), and an
   * image may hold any value.
   */
  private static boolean sane(FileStatus.Time time) {
    return time.nanos() >= 0 && time.nanos() < NANOS;
  }
}
