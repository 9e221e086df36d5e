// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

/**
 * The descriptors of a process, for sched: a task refers to them, and they are closed when the
 * process exits. vfs extends this class; its accessor is {@code FilesStruct.of}.
 */
public abstract class TaskFiles {
  /** The descriptors of a kernel thread: none. */
  static final TaskFiles NONE =
      new TaskFiles() {
        @Override
        public void closeAll(Task current) {}
      };

  /** Creates a table, for vfs. */
  protected TaskFiles() {}

  /**
   * Closes all descriptors, at process exit. From process context.
   *
   * @param current the calling task
   */
  public abstract void closeAll(Task current);
}
