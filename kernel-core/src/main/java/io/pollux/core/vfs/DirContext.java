// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;

/** Where the entries of a directory go: the counterpart of struct dir_context and its actor. */
@LinuxSource(file = "include/linux/fs.h", name = "dir_context")
public abstract class DirContext {
  private long pos;

  /**
   * Starts at a position.
   *
   * @param pos 0, or what an earlier listing ended at
   */
  protected DirContext(long pos) {
    this.pos = pos;
  }

  /**
   * Where the next entry is looked for. The meaning is the filesystem's; 0 is the start.
   *
   * @return the position
   */
  public final long pos() {
    return pos;
  }

  /**
   * Moves on, past an entry that was taken or past a stretch without any.
   *
   * @param next position behind
   */
  public final void setPos(long next) {
    pos = next;
  }

  /**
   * Offers one entry.
   *
   * @param name its name
   * @param ino its inode number
   * @param type DT_* type, DT_UNKNOWN if the directory does not tell
   * @param next position behind the entry
   * @return false if there was no room; then the entry was not taken, and the listing ends here
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
   * Takes an entry.
   *
   * @param name its name
   * @param ino its inode number
   * @param type DT_* type
   * @param next position behind the entry
   * @return false if there is no room
   */
  protected abstract boolean actor(byte[] name, long ino, int type, long next);
}
