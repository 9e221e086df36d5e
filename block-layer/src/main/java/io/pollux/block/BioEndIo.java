// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;

/** The completion of a bio. */
@FunctionalInterface
@LinuxSource(file = "include/linux/blk_types.h", name = "bio_end_io_t")
public interface BioEndIo {
  /**
   * Takes the completed bio back. From any context; must not sleep.
   *
   * @param bio the bio; {@link Bio#status} has its result
   */
  void endIo(Bio bio);
}
