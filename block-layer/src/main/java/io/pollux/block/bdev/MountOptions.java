// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

/**
 * How to mount.
 *
 * @param readOnly refuse every write ({@code -o ro})
 * @param norecovery leave a dirty log as it is ({@code -o norecovery}); needs readOnly
 */
public record MountOptions(boolean readOnly, boolean norecovery) {
  /** Read-only, with recovery where it is needed. */
  public static final MountOptions READ_ONLY = new MountOptions(true, false);
}
