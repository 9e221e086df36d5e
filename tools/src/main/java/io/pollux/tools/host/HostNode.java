// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import io.pollux.uapi.Fcntl;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import org.jspecify.annotations.Nullable;

/** A host file whose owner, mode and times can be set: an open file, or an entry of a directory. */
public final class HostNode {
  private static final PathName NOTHING = PathName.of("");

  private final HostCalls calls;
  private final int fd;
  private final @Nullable PathName name;

  /**
   * Refers to an open file or, with a name, to an entry of an open directory. A symlink is not
   * followed.
   */
  HostNode(HostCalls calls, int fd, @Nullable PathName name) {
    this.calls = calls;
    this.fd = fd;
    this.name = name;
  }

  /**
   * Returns the file's status.
   *
   * @return its status
   * @throws HostFailure if the host returns an error
   */
  public FileStatus status() throws HostFailure {
    return name == null
        ? calls.stat(fd, NOTHING, Fcntl.AT_EMPTY_PATH)
        : calls.stat(fd, name, Fcntl.AT_SYMLINK_NOFOLLOW);
  }

  /**
   * Sets owner and group. Linux clears set-user-id and set-group-id then.
   *
   * @param uid the owner, or -1 to leave it
   * @param gid the group, or -1 to leave it
   * @throws HostFailure EPERM for most callers but root; EINVAL for an unmapped id
   */
  public void setOwner(int uid, int gid) throws HostFailure {
    if (name == null) {
      calls.setOwner(fd, uid, gid);
    } else {
      calls.setOwner(fd, name, uid, gid);
    }
  }

  /**
   * Sets the mode. Not for symlinks.
   *
   * @param mode permissions with set-user-id, set-group-id and sticky bit
   * @throws HostFailure if the host refuses; it silently clears bits that the caller may not set
   */
  public void setMode(int mode) throws HostFailure {
    if (name == null) {
      calls.setMode(fd, mode);
    } else {
      calls.setMode(fd, name, mode);
    }
  }

  /**
   * Sets the times. The host's filesystem clamps them to its range.
   *
   * @param atime of the last access
   * @param mtime of the last change
   * @throws HostFailure if that is refused
   */
  public void setTimes(FileStatus.Time atime, FileStatus.Time mtime) throws HostFailure {
    if (name == null) {
      calls.setTimes(fd, atime, mtime);
    } else {
      calls.setTimes(fd, name, atime, mtime);
    }
  }
}
