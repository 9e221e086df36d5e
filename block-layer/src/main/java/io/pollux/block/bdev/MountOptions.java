// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

/**
 * The options of a mount.
 *
 * @param readOnly reject every write ({@code -o ro})
 * @param norecovery ignore a dirty log ({@code -o norecovery}); requires readOnly
 */
public record MountOptions(boolean readOnly, boolean norecovery) {
  /** Read-only, and without norecovery. */
  public static final MountOptions READ_ONLY = new MountOptions(true, false);
}
