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
 * Objects by their keys, each as long as anybody holds it: inodes and glocks. One key is never two objects. From any
 * context.
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
   * Makes an empty one.
   *
   * @param whenGone told, at some later insert, of keys whose object nobody held any more and which have no new one
   */
  WeakTable(Consumer<K> whenGone) {
    this.whenGone = whenGone;
  }

  @Nullable V get(K key) {
    Entry<K, V> entry = entries.get(key);
    return entry == null ? null : entry.get();
  }

  /** Puts an object in, unless somebody else was faster. Answers the one that is in. */
  V insert(K key, V made) {
    expunge();
    Entry<K, V> fresh = new Entry<>(key, made, gone);
    while (true) { // ends: an entry in the way has an object, or is removed
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

  /** Does something with every object that is here; those that come meanwhile may be left out. */
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
