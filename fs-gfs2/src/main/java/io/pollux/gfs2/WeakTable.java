// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A table of inodes or glocks by key. It keeps an object as long as other references to it exist,
 * and never has two objects for one key. From any context.
 *
 * @param <K> keys
 * @param <V> objects
 */
final class WeakTable<K, V> {
  private static final class Entry<K, V> extends WeakReference<V> {
    final K key;

    Entry(K key, V value, ReferenceQueue<V> queue) {
      super(value, queue);
      this.key = key;
    }
  }

  private final ConcurrentMap<K, Entry<K, V>> entries = new ConcurrentHashMap<>();
  private final ReferenceQueue<V> gone = new ReferenceQueue<>();
  private final Consumer<K> whenGone;

  /**
   * Makes an empty table.
   *
   * @param whenGone called, at a later insert, with each key whose object was collected and not
   *     replaced
   */
  WeakTable(Consumer<K> whenGone) {
    this.whenGone = whenGone;
  }

  @Nullable V get(K key) {
    Entry<K, V> entry = entries.get(key);
    return entry == null ? null : entry.get();
  }

  /** Inserts an object unless the key has one. Returns the object in the table. */
  V insert(K key, V made) {
    expunge();
    Entry<K, V> fresh = new Entry<>(key, made, gone);
    while (true) { // terminates: an entry in the way has an object, or is removed
      Entry<K, V> before = entries.putIfAbsent(key, fresh);
      if (before == null) {
        return made;
      }
      V there = before.get();
      if (there != null) {
        return there;
      }
      entries.remove(key, before);
    }
  }

  private void expunge() {
    for (Reference<? extends V> lost = gone.poll(); lost != null; lost = gone.poll()) {
      @SuppressWarnings("unchecked") // only entries are registered with the queue
      Entry<K, V> entry = (Entry<K, V>) lost;
      if (entries.remove(entry.key, entry)) {
        whenGone.accept(entry.key);
      }
    }
  }

  /** Calls what with every object in the table; objects inserted meanwhile may be missed. */
  void forEach(Consumer<V> what) {
    for (Entry<K, V> entry : entries.values()) {
      V there = entry.get();
      if (there != null) {
        what.accept(there);
      }
    }
  }

  void clear() {
    entries.clear();
  }
}
