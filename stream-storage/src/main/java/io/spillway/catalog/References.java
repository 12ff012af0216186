package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.wal.StreamId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Which extents there are, and which objects they refer to: the part of the catalog that grows with
 * the data. A small catalog has all of it in one layer in memory. A large one has an index below,
 * and in memory only what has changed since the index was written last: {@link #freeze} closes the
 * layer that was changed until then and begins another; the frozen one is written into the index by
 * somebody else meanwhile, and {@link #onWritten} drops it. What is found never depends on which
 * layer it is found in.
 *
 * <p>A commit of a new object reads and writes memory only; the index is read for what a trim,
 * replacement, deletion or repeat names.
 *
 * <p>Changed by one thread under the catalog's lock; that thread alone reads without it.
 */
final class References implements CheckpointCodec.Contents, CheckpointCodec.Target {

  private static final int PAGE = 512;

  private ReferenceLayer newest = new ReferenceLayer();
  private @Nullable ReferenceLayer frozen;
  private @Nullable CatalogIndex index;
  private final KeyFilter indexed = new KeyFilter();
  private final List<ObjectRef> unreferenced = new ArrayList<>();
  private int extentCount;
  private int objectCount;

  int extentCount() {
    return extentCount;
  }

  @Override
  public int objectCount() {
    return objectCount;
  }

  /** How many of them are in memory. */
  int extentsInMemory() {
    return newest.extentCount() + (frozen == null ? 0 : frozen.extentCount());
  }

  @Nullable CatalogIndex index() {
    return index;
  }

  /** Whether anything lies below the layer that is changed. */
  boolean layered() {
    return frozen != null || index != null;
  }

  // Extents.

  /** At most so many, from the one that holds the offset, or the first after it, on. */
  List<Extent> extents(StreamEntry stream, long fromOffset, int limit) {
    return look(stream, fromOffset, limit).get();
  }

  /** The same, with what memory knows now; the index is read when the answer is asked for. */
  Supplier<List<Extent>> look(StreamEntry stream, long fromOffset, int limit) {
    StreamId id = stream.id;
    long endOffset = stream.committedEndOffset;
    long from = Math.max(fromOffset, stream.logStartOffset); // all end above it
    CatalogIndex stored = index;
    ReferenceLayer older = frozen;
    ExtentSource below = stored == null ? ExtentSource.NONE : IndexFormat.extents(stored, id);
    if (older != null) {
      below = older.over(below, id, endOffset);
    }
    ExtentSource all = newest.over(below, id, endOffset, from, limit);
    return () -> all.from(from, limit);
  }

  @Override
  public void extents(StreamEntry stream, Consumer<Extent> each) {
    long from = stream.logStartOffset;
    List<Extent> page;
    do {
      page = extents(stream, from, PAGE);
      for (Extent extent : page) {
        each.accept(extent);
        from = extent.endOffset();
      }
    } while (page.size() == PAGE);
  }

  boolean holds(StreamEntry stream, Extent extent) {
    List<Extent> there = extents(stream, extent.baseOffset(), 1);
    return !there.isEmpty() && there.get(0).equals(extent);
  }

  /** Behind all others of its stream. */
  void add(StreamEntry stream, ObjectRef object, Extent extent) {
    Extent added = reference(object, extent);
    newest.stream(stream.id).add(added);
    onAdded(stream, added);
  }

  /** Drops what ends at or below the offset; to be called before the log start moves. */
  void dropTo(StreamEntry stream, long offset) {
    long from = stream.logStartOffset;
    List<Extent> page;
    do {
      page = extents(stream, from, PAGE);
      for (Extent extent : page) {
        from = extent.endOffset();
        if (from > offset) {
          break;
        }
        onGone(stream, extent);
      }
    } while (page.size() == PAGE && from <= offset);
    if (layered() || newest.streams.containsKey(stream.id)) {
      newest.stream(stream.id).dropTo(offset, layered());
    }
    stream.segments.dropTo(offset);
  }

  /** Drops all. */
  void clear(StreamEntry stream) {
    dropTo(stream, Long.MAX_VALUE);
    stream.segments.clear();
  }

  /**
   * Puts extents in the place of those of the stream that cover the same offsets.
   *
   * @param objects of the new ones
   */
  void replace(
      StreamEntry stream, List<Extent> old, List<Extent> by, Map<String, ObjectRef> objects) {
    List<Extent> added = new ArrayList<>(by.size());
    for (Extent extent : by) {
      added.add(reference(Objects.requireNonNull(objects.get(extent.objectKey())), extent));
    }
    newest.stream(stream.id).replace(old, added, layered());
    added.forEach(
        extent -> {
          stream.count(extent, 1);
          extentCount++;
          stream.segments.replace(extent.baseOffset(), extent.endOffset(), extent.maxTimestampMs());
        });
    old.forEach(extent -> onGone(stream, extent));
  }

  private void onAdded(StreamEntry stream, Extent extent) {
    stream.count(extent, 1);
    stream.segments.append(extent.baseOffset(), extent.maxTimestampMs());
    extentCount++;
  }

  private void onGone(StreamEntry stream, Extent extent) {
    stream.count(extent, -1);
    extentCount--;
    dereference(extent.objectKey());
  }

  // Objects.

  /** Null unless an extent refers to it. */
  @Nullable ObjectEntry object(String key) {
    return live(known(key));
  }

  /** The same for another thread, as {@link #look}. */
  Supplier<@Nullable ObjectEntry> lookAtObject(String key) {
    ObjectEntry inMemory = knownInMemory(key);
    CatalogIndex stored = index;
    if (inMemory != null || stored == null || !indexed.mayHold(key)) {
      ObjectEntry found = live(inMemory);
      return () -> found;
    }
    return () -> stored(stored, key);
  }

  private static @Nullable ObjectEntry live(@Nullable ObjectEntry entry) {
    return entry == null || entry.references() == 0 ? null : entry;
  }

  /** With those that are gone from older layers. */
  private @Nullable ObjectEntry known(String key) {
    ObjectEntry entry = knownInMemory(key);
    CatalogIndex stored = index;
    return entry != null || stored == null || !indexed.mayHold(key) ? entry : stored(stored, key);
  }

  private @Nullable ObjectEntry knownInMemory(String key) {
    ObjectEntry entry = newest.objects.get(key);
    ReferenceLayer older = frozen;
    if (entry == null && older != null) {
      ObjectEntry below = older.objects.get(key);
      return below == null ? null : below.inNextLayer();
    }
    return entry;
  }

  private static @Nullable ObjectEntry stored(CatalogIndex index, String key) {
    byte[] name = IndexFormat.objectKey(key);
    byte[] value = index.get(name);
    return value == null ? null : IndexFormat.object(name, value);
  }

  private Extent reference(ObjectRef object, Extent extent) {
    ObjectEntry before = known(object.key());
    ObjectEntry after =
        before == null || before.references() == 0
            ? new ObjectEntry(object, 1, before != null && before.inIndex())
            : before.plus(1);
    if (after.references() == 1) {
      objectCount++;
    }
    newest.objects.put(object.key(), after);
    return sharingKey(extent, after.ref());
  }

  /** A million extents need not hold a million copies of their keys. */
  private static Extent sharingKey(Extent extent, ObjectRef object) {
    return new Extent(
        extent.stream(),
        object.key(),
        extent.baseOffset(),
        extent.endOffset(),
        extent.maxTimestampMs(),
        extent.position(),
        extent.sizeBytes(),
        extent.batchCount());
  }

  private void dereference(String key) {
    ObjectEntry before = live(known(key));
    if (before == null) {
      throw new IndexException("object " + key + " is referred to and not known", null);
    }
    ObjectEntry after = before.plus(-1);
    if (after.references() > 0 || after.inIndex()) {
      newest.objects.put(key, after);
    } else {
      newest.objects.remove(key);
    }
    if (after.references() == 0) {
      objectCount--;
      unreferenced.add(after.ref());
    }
  }

  /** Objects that lost their last extent since the last call. */
  List<ObjectRef> takeUnreferenced() {
    List<ObjectRef> taken = List.copyOf(unreferenced);
    unreferenced.clear();
    return taken;
  }

  /** All that extents refer to, by key: reads the whole index. */
  NavigableMap<String, ObjectEntry> objects() {
    NavigableMap<String, ObjectEntry> all = new TreeMap<>();
    if (index != null) {
      IndexFormat.objects(index, object -> all.put(object.ref().key(), object));
    }
    if (frozen != null) {
      all.putAll(frozen.objects);
    }
    all.putAll(newest.objects);
    all.values().removeIf(object -> object.references() == 0);
    return all;
  }

  @Override
  public void objects(Consumer<ObjectEntry> each) {
    (layered() ? objects() : newest.objects).values().forEach(each);
  }

  // Loading.

  @Override
  public void load(StreamEntry stream, Extent extent) {
    newest.stream(stream.id).add(extent);
    extentCount++;
  }

  @Override
  public void load(ObjectEntry object) {
    newest.objects.put(object.ref().key(), object);
    objectCount++;
  }

  /** Everything is in the index. */
  void loadFrom(CatalogIndex from, int extents) {
    index = from;
    extentCount = extents;
    IndexFormat.objects(
        from,
        object -> {
          indexed.add(object.ref().key());
          objectCount++;
        });
  }

  // Layers.

  /** The changes so far, which stay visible; to be written into the index by somebody else. */
  ReferenceLayer freeze() {
    if (frozen != null) {
      throw new IllegalStateException("a layer is being written");
    }
    ReferenceLayer changed = newest;
    frozen = changed;
    newest = new ReferenceLayer();
    return changed;
  }

  /** The frozen layer is in the index; these references, without it. */
  References onWritten(CatalogIndex into) {
    ReferenceLayer written = Objects.requireNonNull(frozen);
    for (Map.Entry<String, ObjectEntry> object : written.objects.entrySet()) {
      boolean isThere = object.getValue().references() > 0;
      if (isThere && !object.getValue().inIndex()) {
        indexed.add(object.getKey());
      } else if (!isThere && object.getValue().inIndex()) {
        indexed.remove(object.getKey());
      }
    }
    index = into;
    frozen = null;
    return this;
  }
}
