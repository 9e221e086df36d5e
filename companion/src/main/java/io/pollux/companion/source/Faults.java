// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** The faults found so far. A build reports them all. */
public final class Faults {
  private final TreeSet<String> found = new TreeSet<>();

  /**
   * Records a fault.
   *
   * @param where the file, with its line if known
   * @param what what is wrong, with the name of the thing
   */
  public void add(String where, String what) {
    found.add(where + ": " + what);
  }

  /** The faults in order. */
  public List<String> all() {
    return new ArrayList<>(found);
  }

  /** Whether there is none. */
  public boolean isEmpty() {
    return found.isEmpty();
  }
}
