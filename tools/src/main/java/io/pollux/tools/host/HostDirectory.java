// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** An open host directory. Methods do not follow symlinks, except where a parameter says so. */
public final class HostDirectory implements AutoCloseable {
  private static final PathName PARENT = PathName.of("..");
  private static final int OWN = 0700;

  private final HostCalls calls;
  private final int fd;

  HostDirectory(HostCalls calls, int fd) {
    this.calls = calls;
    this.fd = fd;
  }

  /**
   * Opens a directory in this one.
   *
   * @param name its name
   * @param follow whether it may be a symlink to a directory
   * @return the directory, to be closed by the caller
   * @throws HostFailure ENOTDIR if it is not a directory
   */
  public HostDirectory open(PathName name, boolean follow) throws HostFailure {
    int flags = Fcntl.O_RDONLY | Fcntl.O_DIRECTORY | (follow ? 0 : Fcntl.O_NOFOLLOW);
    return new HostDirectory(calls, calls.open(fd, name, flags, 0));
  }

  /**
   * Opens the current parent directory.
   *
   * @return the directory, to be closed by the caller
   * @throws HostFailure if it cannot be opened
   */
  public HostDirectory parent() throws HostFailure {
    return open(PARENT, false);
  }

  /**
   * Returns the status of an entry.
   *
   * @param name the name
   * @param follow whether to follow a symlink
   * @return the status, or null if there is no such name
   * @throws HostFailure for any other error
   */
  public @Nullable FileStatus status(PathName name, boolean follow) throws HostFailure {
    try {
      return calls.stat(fd, name, follow ? 0 : Fcntl.AT_SYMLINK_NOFOLLOW);
    } catch (HostFailure e) {
      if (e.errno() == Errno.ENOENT) {
        return null;
      }
      throw e;
    }
  }

  /**
   * Returns the names in this directory. Call it once, because it moves the directory's position.
   *
   * @return its names in its own order, without "." and ".."
   * @throws HostFailure if it cannot be read
   */
  public List<PathName> names() throws HostFailure {
    return calls.names(fd);
  }

  /**
   * Returns the target of a symlink.
   *
   * @param name its name
   * @throws HostFailure EINVAL if it is not a symlink
   */
  public PathName readlink(PathName name) throws HostFailure {
    return calls.readlink(fd, name);
  }

  /**
   * Opens a file for reading. Does not wait for the writer of a pipe.
   *
   * @param name its name
   * @param follow whether it may be a symlink
   * @return the file, to be closed by the caller
   * @throws HostFailure ELOOP for a symlink if follow is false
   */
  public HostInput read(PathName name, boolean follow) throws HostFailure {
    int flags = Fcntl.O_RDONLY | Fcntl.O_NOCTTY | Fcntl.O_NONBLOCK;
    int careful = follow ? 0 : Fcntl.O_NOFOLLOW;
    return HostInput.of(calls, calls.open(fd, name, flags | careful, 0));
  }

  /**
   * Creates a directory with access for this user only, regardless of the umask.
   *
   * @param name its name
   * @throws HostFailure EEXIST if there is something of that name
   */
  public void makeDirectory(PathName name) throws HostFailure {
    calls.makeDirectory(fd, name, OWN);
    if ((calls.stat(fd, name, Fcntl.AT_SYMLINK_NOFOLLOW).mode() & OWN) != OWN) {
      calls.setMode(fd, name, OWN); // the umask cleared it
    }
  }

  /**
   * Creates a pipe, a socket or a device with mode 0.
   *
   * @param name its name
   * @param type one of StatMode's S_IF* types
   * @param rdev number of the device
   * @throws HostFailure EPERM for a device if the caller is not root
   */
  public void makeSpecial(PathName name, int type, long rdev) throws HostFailure {
    calls.makeSpecial(fd, name, type, rdev);
  }

  /**
   * Creates a symlink.
   *
   * @param name its name
   * @param target its target
   * @throws HostFailure EEXIST if there is something of that name
   */
  public void makeSymlink(PathName name, PathName target) throws HostFailure {
    calls.makeSymlink(target, fd, name);
  }

  /**
   * Removes an entry that is not a directory.
   *
   * @param name the name
   * @throws HostFailure if that is refused
   */
  public void remove(PathName name) throws HostFailure {
    calls.unlink(fd, name);
  }

  /**
   * Opens a file for writing and creates it if it does not exist. Does not truncate. Waits for the
   * reader of a pipe only if symlinks are followed.
   *
   * @param name its name
   * @param follow whether it may be a symlink or any writable file
   * @return the file, to be closed by the caller
   * @throws HostFailure ELOOP for a symlink if follow is false
   */
  public HostOutput create(PathName name, boolean follow) throws HostFailure {
    int flags = Fcntl.O_WRONLY | Fcntl.O_CREAT | Fcntl.O_NOCTTY;
    int careful = follow ? 0 : Fcntl.O_NOFOLLOW | Fcntl.O_NONBLOCK;
    return HostOutput.of(calls, calls.open(fd, name, flags | careful, OWN & ~0111));
  }

  /**
   * Returns an entry, for its owner, mode and times.
   *
   * @param name its name
   */
  public HostNode node(PathName name) {
    return new HostNode(calls, fd, name);
  }

  /** Returns this directory itself, valid while it is open. */
  public HostNode node() {
    return new HostNode(calls, fd, null);
  }

  @Override
  public void close() throws HostFailure {
    if (fd >= 0) {
      calls.close(fd);
    }
  }
}
