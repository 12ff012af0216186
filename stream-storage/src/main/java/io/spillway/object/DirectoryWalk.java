package io.spillway.object;

import io.spillway.object.ObjectStore.ObjectInfo;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Lists files below a root in the order of their keys, never holding more entries of one folder
 * than it was asked for. A folder sorts as its name with a slash, which is what makes the walk
 * agree with the order of whole keys ({@code a-b} before {@code a/b}).
 */
final class DirectoryWalk {

  private final Path root;
  private final String prefix;
  private final int limit;
  private final List<ObjectInfo> found = new ArrayList<>();
  private String after;

  private DirectoryWalk(Path root, String prefix, String startAfter, int limit) {
    this.root = root;
    this.prefix = prefix;
    this.limit = limit;
    this.after = startAfter;
  }

  static List<ObjectInfo> list(Path root, String prefix, String startAfter, int limit)
      throws IOException {
    DirectoryWalk walk = new DirectoryWalk(root, prefix, startAfter, limit);
    int lastSlash = prefix.lastIndexOf('/');
    walk.folder(prefix.substring(0, lastSlash + 1));
    return walk.found;
  }

  /**
   * @param folder key of the folder with its slash, or empty for the root
   */
  private void folder(String folder) throws IOException {
    String passed = "";
    while (found.size() < limit) {
      NavigableMap<String, BasicFileAttributes> batch =
          smallest(folder, passed, limit - found.size());
      for (String key : batch.keySet()) {
        if (key.endsWith("/")) {
          folder(key);
        } else {
          found.add(new ObjectInfo(key, batch.get(key).size()));
          after = key;
        }
        passed = key;
        if (found.size() >= limit) {
          return;
        }
      }
      if (batch.size() < limit) {
        return;
      }
    }
  }

  /** Up to {@code count} entries of the folder that may hold wanted keys, beyond {@code passed}. */
  private NavigableMap<String, BasicFileAttributes> smallest(
      String folder, String passed, int count) throws IOException {
    NavigableMap<String, BasicFileAttributes> smallest = new TreeMap<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(root.resolve(folder))) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        if (name.startsWith(".")) {
          continue;
        }
        BasicFileAttributes attributes;
        try {
          attributes =
              Files.readAttributes(entry, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException e) {
          continue;
        }
        String key = folder + name + (attributes.isDirectory() ? "/" : "");
        boolean wanted = attributes.isDirectory() ? mayHold(key) : wanted(key);
        if (wanted && key.compareTo(passed) > 0) {
          smallest.put(key, attributes);
          if (smallest.size() > count) {
            smallest.pollLastEntry();
          }
        }
      }
    } catch (NoSuchFileException | NotDirectoryException e) {
      return smallest;
    }
    return smallest;
  }

  private boolean wanted(String key) {
    return key.startsWith(prefix) && key.compareTo(after) > 0;
  }

  private boolean mayHold(String folder) {
    boolean inPrefix = folder.startsWith(prefix) || prefix.startsWith(folder);
    return inPrefix && (after.startsWith(folder) || folder.compareTo(after) > 0);
  }
}
