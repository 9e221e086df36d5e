// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;

/** Receives the entries of a directory: struct dir_context and its actor. */
@LinuxSource(file = "include/linux/fs.h", name = "dir_context")
public abstract class DirContext {
  private long pos;

  /**
   * Starts at a position.
   *
   * @param pos 0, or the end of an earlier listing
   */
  protected DirContext(long pos) {
    this.pos = pos;
  }

  /**
   * Returns the position of the next entry. Its meaning is up to the filesystem; 0 is the start.
   */
  public final long pos() {
    return pos;
  }

  /**
   * Advances past an entry or past a gap.
   *
   * @param next the new position
   */
  public final void setPos(long next) {
    pos = next;
  }

  /**
   * Offers one entry.
   *
   * @param name its name
   * @param ino its inode number
   * @param type DT_* type, DT_UNKNOWN if the directory does not store it
   * @param next position after the entry
   * @return false if there was no room; the entry was not taken, and the listing stops
   */
  @LinuxSource(file = "include/linux/fs.h", name = "dir_emit")
  public final boolean emit(byte[] name, long ino, int type, long next) {
    if (!actor(name, ino, type, next)) {
      return false;
    }
    pos = next;
    return true;
  }

  /**
   * Stores an entry.
   *
   * @param name its name
   * @param ino its inode number
   * @param type DT_* type
   * @param next position after the entry
   * @return false if there is no room
   */
  protected abstract boolean actor(byte[] name, long ino, int type, long next);
}
