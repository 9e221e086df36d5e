// SPDX-License-Identifier: GPL-2.0-only

/**
 * Files of the machine under names that are bytes. Java's own paths are text and lose a name that is not UTF-8; its file
 * calls set neither set-user-id, set-group-id and sticky bits nor the times of a symlink, and make no special files.
 *
 * <p>A {@link io.pollux.tools.host.HostDirectory} is an open directory, and every call below it names one entry of it. So a
 * tree may be deeper than PATH_MAX, and no symlink below the directory leads out of it.
 */
@org.jspecify.annotations.NullMarked
package io.pollux.tools.host;
