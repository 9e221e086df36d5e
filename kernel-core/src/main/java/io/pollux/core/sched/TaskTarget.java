// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

/** What a call of a task works on: the filesystem of its file or path. */
public interface TaskTarget {
  /**
   * Makes all later calls fail with EIO, because a method of this target threw. From any context;
   * does not sleep.
   *
   * @return the consequence, a clause for the report that starts with ", and "; empty if there is
   *     none
   */
  String shutDown();
}
