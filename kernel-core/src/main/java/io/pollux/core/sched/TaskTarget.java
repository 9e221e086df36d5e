// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

/** What a call of a task works on: the filesystem of its file or path. */
public interface TaskTarget {
  /**
   * Refuses all later calls with EIO, because a method of this has thrown. From any context; does
   * not sleep.
   *
   * @return the consequence, a clause for the report that starts with ", and "; empty if there is
   *     none
   */
  String shutDown();
}
