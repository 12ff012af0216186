package io.spillway.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.wal.StreamId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;

/** Streams, extents and objects without any bytes: what plans do to them. */
final class PaperBucket implements MergeView {

  final Map<StreamId, List<Extent>> streams = new TreeMap<>();
  final Map<String, ObjectRef> objects = new LinkedHashMap<>();
  final Set<StreamId> foreign = new HashSet<>();
  final Set<String> unreadable = new HashSet<>();
  final Map<StreamId, Long> compacted = new HashMap<>();
  private final Map<String, Integer> references = new HashMap<>();
  long uploadedBytes;
  long mergedBytes;
  private long births;

  static StreamId stream(int i) {
    return new StreamId(new UUID(11, i), 0);
  }

  /** One shared object: so many bytes of each stream. */
  String upload(Map<StreamId, Long> bytes) {
    String key = "u" + births;
    long position = 0;
    for (Map.Entry<StreamId, Long> each : new TreeMap<>(bytes).entrySet()) {
      List<Extent> extents = streams.computeIfAbsent(each.getKey(), id -> new ArrayList<>());
      long base = extents.isEmpty() ? 0 : extents.get(extents.size() - 1).endOffset();
      Extent extent =
          new Extent(each.getKey(), key, base, base + 10, base, position, each.getValue(), 1);
      extents.add(extent);
      reference(extent);
      position += each.getValue();
    }
    uploadedBytes += position;
    objects.put(key, new ObjectRef(key, births++, position + 100, position));
    return key;
  }

  /** Lets go of the oldest extents of a stream. */
  void trim(StreamId stream, int count) {
    List<Extent> gone = streams.getOrDefault(stream, new ArrayList<>()).subList(0, count);
    List.copyOf(gone).forEach(this::dereference);
    gone.clear();
  }

  void apply(MergeTask task) {
    String key = "m" + births;
    long position = 0;
    StreamId before = null;
    for (MergeRun run : task.runs()) {
      assertThat(before == null || before.compareTo(run.stream()) < 0)
          .as("streams ascend in %s", task)
          .isTrue();
      before = run.stream();
      List<Extent> extents = Objects.requireNonNull(streams.get(run.stream()));
      int at = extents.indexOf(run.extents().get(0));
      List<Extent> old = extents.subList(at, at + run.extents().size());
      assertThat(old).as("adjacent").isEqualTo(run.extents());
      Extent by =
          new Extent(
              run.stream(),
              key,
              old.get(0).baseOffset(),
              old.get(old.size() - 1).endOffset(),
              0,
              position,
              run.bytes(),
              (int) run.batches());
      reference(by);
      run.extents().forEach(this::dereference);
      old.clear();
      extents.add(at, by);
      position += run.bytes();
    }
    mergedBytes += position;
    objects.put(key, new ObjectRef(key, births++, position + 100, position));
  }

  private void reference(Extent extent) {
    references.merge(extent.objectKey(), 1, Integer::sum);
  }

  private void dereference(Extent extent) {
    if (references.merge(extent.objectKey(), -1, Integer::sum) == 0) {
      references.remove(extent.objectKey());
      objects.remove(extent.objectKey());
    }
  }

  long liveBytes() {
    return streams.values().stream().flatMap(List::stream).mapToLong(Extent::sizeBytes).sum();
  }

  long storedBytes() {
    return objects.values().stream().mapToLong(ObjectRef::indexPosition).sum();
  }

  @Override
  public List<StreamId> streams() {
    return List.copyOf(streams.keySet());
  }

  @Override
  public boolean isMine(StreamId stream) {
    return !foreign.contains(stream);
  }

  @Override
  public List<Extent> extents(StreamId stream, long fromOffset, int limit) {
    return streams.getOrDefault(stream, List.of()).stream()
        .filter(extent -> extent.endOffset() > fromOffset)
        .limit(limit)
        .toList();
  }

  @Override
  public long compactedEndOffset(StreamId stream) {
    return compacted.getOrDefault(stream, 0L);
  }

  @Override
  public Optional<ObjectRef> object(String key) {
    return Optional.ofNullable(objects.get(key));
  }

  @Override
  public boolean isUnreadable(String objectKey) {
    return unreadable.contains(objectKey);
  }
}
