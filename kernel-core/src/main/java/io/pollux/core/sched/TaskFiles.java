// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

/**
 * The descriptors of a process, as far as sched knows them: a task points to them, and they are closed when the process
 * exits. vfs extends this and has the accessor, {@code FilesStruct.of}.
 */
public abstract class TaskFiles {
  /** No descriptors, as a kernel thread has it. */
  static final TaskFiles NONE =
      new TaskFiles() {
        @Override
        public void closeAll(Task current) {}
      };

  /** For vfs. */
  protected TaskFiles() {}

  /**
   * Closes every descriptor, at the end of the process. From process context.
   *
   * @param current the calling task
   */
  public abstract void closeAll(Task current);
}
