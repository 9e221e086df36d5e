// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.ReturnHook;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counts what uses a mounted filesystem: open files, calls whose path led into it, working
 * directories, and filesystems mounted on its directories. An unmount succeeds only without users.
 * All methods may be called from any context.
 */
@LinuxSource(
    file = "fs/mount.h",
    name = {"mnt_count", "mnt_writers"})
public final class MountUsers {
  /** Added to the number of users by an unmount; larger than any number of users. */
  private static final int GONE = Integer.MIN_VALUE / 2;

  private final AtomicInteger users = new AtomicInteger();
  private final AtomicInteger writers = new AtomicInteger();

  MountUsers() {}

  /**
   * Adds a user.
   *
   * @return false if the filesystem is unmounted
   */
  @LinuxSource(file = "fs/namespace.c", name = "mntget")
  public boolean get() {
    int before;
    do {
      before = users.get();
      if (before < 0) {
        return false;
      }
    } while (!users.compareAndSet(before, before + 1));
    return true;
  }

  /** Removes a user. */
  @LinuxSource(file = "fs/namespace.c", name = "mntput")
  public void put() {
    users.getAndDecrement();
  }

  /** Returns the number of users. */
  public int count() {
    int now = users.get();
    return now < 0 ? now - GONE : now;
  }

  /**
   * Adds a task's call as a user until it returns, unless it is one.
   *
   * @param current the calling task
   * @return false if the filesystem is unmounted
   */
  @LinuxSource(file = "fs/namei.c", name = "path_get")
  public boolean getForCall(Task current) {
    for (ReturnHook hook = current.returnHooks(); hook != null; hook = hook.next()) {
      if (hook instanceof Pin pin && pin.users == this) {
        return true;
      }
    }
    if (!get()) {
      return false;
    }
    current.addReturnHook(new Pin(this));
    return true;
  }

  /** A call as a user. */
  private static final class Pin extends ReturnHook {
    private final MountUsers users;

    Pin(MountUsers users) {
      this.users = users;
    }

    @Override
    protected void callReturns() {
      users.put();
    }
  }

  /**
   * Ends the use of the filesystem if the calling task's call is its only user, or it has none.
   * There are no new users then.
   *
   * @param current the calling task
   * @return false if there are other users
   */
  @LinuxSource(file = "fs/pnode.c", name = "propagate_mount_busy")
  public boolean end(Task current) {
    int own = 0;
    for (ReturnHook hook = current.returnHooks(); hook != null; hook = hook.next()) {
      own += hook instanceof Pin pin && pin.users == this ? 1 : 0;
    }
    return users.compareAndSet(own, GONE + own);
  }

  /** Counts a file that is opened for writing. It counts as a user separately. */
  @LinuxSource(file = "fs/namespace.c", name = "mnt_want_write")
  void getWriter() {
    writers.getAndIncrement();
  }

  /** Removes a file that was opened for writing. */
  @LinuxSource(file = "fs/namespace.c", name = "mnt_drop_write")
  void putWriter() {
    writers.getAndDecrement();
  }

  /** Returns the number of files that are open for writing. */
  int writers() {
    return writers.get();
  }
}
