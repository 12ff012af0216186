@NullMarked
package io.spillway.kafka.group;

import org.jspecify.annotations.NullMarked;
