// SPDX-License-Identifier: GPL-2.0-only

/**
 * Access to host files whose names are bytes. Java's own paths are text and cannot hold a name that
 * is not UTF-8. Java's file calls also lack set-user-id, set-group-id and sticky bits, times of a
 * symlink, and special files.
 *
 * <p>A {@link io.pollux.tools.host.HostDirectory} is an open directory. Every call on it names one
 * entry. So a tree may be deeper than PATH_MAX, and no symlink in the tree leads out of it.
 */
@org.jspecify.annotations.NullMarked
package io.pollux.tools.host;
