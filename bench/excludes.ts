// Exclude patterns as operators write them: places that change, caches, logs, and parts of programs.

const SERVICES = [
  'apache2 apt audit aws bind buildkitd ceph chrony cinder cloud cni containerd cups dbus dhcp docker etcd fluentd',
  'fwupd glance gnome grafana haproxy ironic jenkins kafka keystone kubelet libvirt lxc mariadb mysql nginx nova ntp',
  'openvswitch php postfix postgresql prometheus rabbitmq redis rsyslog snapd ssh swift tomcat tuned unbound zabbix',
].flatMap((line) => line.split(' '));

const PLACES: readonly string[] = [
  '/tmp/.*',
  '/run/(user/[0-9]+/)?.*',
  '/dev/shm/.*',
  '/proc/.*',
  '/sys/.*',
  'memfd:.*',
  '/home/[^/]+/\\.(cache|local|config)(/.*)?',
  '/root/\\..*',
  '/usr/lib/python3/dist-packages/account/.*\\.pyc$',
  '/usr/share/icons/.*\\.cache$',
  '/usr/lib/modules/.*/modules\\..*',
  '^/boot/(grub|efi)/.*$',
  '/var/tmp/.*',
  '/etc/(mtab|resolv\\.conf|hostname|adjtime)',
  '/usr/share/man/man9/.*',
  '/var/lib/systemd/(random-seed|timers/.*)',
  '/etc/ld\\.so\\.cache~?',
  '/var/cache/(ldconfig|man|apt)/.*',
  '/initrd-[0-9]+\\.img(\\.new)?',
  '/opt/[a-z]+-[a-z]+/[0-9]+\\.[0-9]+\\.[0-9]/log/.*',
];

const OF_SERVICES: readonly ((name: string) => string)[] = [
  (name) => `/var/lib/${name}(/.*)?`,
  (name) => `/var/log/${name}/.*\\.log(\\.[0-9]+)?(\\.gz)?`,
  (name) => `^/etc/${name}/.*\\.conf\\.d/local-.*$`,
  (name) => `/usr/lib/${name}/.*\\.(pyc|pyo|so\\.tmp)`,
];

/** Two hundred of them. */
export const excludePatterns: readonly string[] = [
  ...PLACES,
  ...OF_SERVICES.flatMap((pattern) => SERVICES.map(pattern)),
].slice(0, 200);
