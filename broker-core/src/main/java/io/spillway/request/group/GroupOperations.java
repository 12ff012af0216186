package io.spillway.request.group;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.utils.Utils;

/** The operations a group resource knows, as the bit field of KIP-430. */
final class GroupOperations {

  /** Without an authorizer everybody may do everything there is. */
  static final int ALL =
      Utils.to32BitField(
          List.of(
                  AclOperation.READ,
                  AclOperation.DESCRIBE,
                  AclOperation.DELETE,
                  AclOperation.DESCRIBE_CONFIGS,
                  AclOperation.ALTER_CONFIGS)
              .stream()
              .map(AclOperation::code)
              .collect(Collectors.<Byte, Set<Byte>>toCollection(java.util.TreeSet::new)));

  private GroupOperations() {}
}
