<?php
// Writes messages with Doctrine DBAL: rows with a few columns, and rows with all.
require '/usr/share/php/Doctrine/DBAL/autoload.php';

use Doctrine\DBAL\Connection;
use Doctrine\DBAL\DriverManager;
use Doctrine\DBAL\Exception;

$given = json_decode($argv[1], true);
$connection = DriverManager::getConnection(['driver' => 'pdo_sqlite', 'path' => $given['path']]);

function attempt(callable $work): ?string
{
    try {
        $work();
        return null;
    } catch (Exception $error) {
        return $error->getMessage();
    }
}

function insert(Connection $connection, array $row): int
{
    $connection->insert('messages', $row);
    return (int) $connection->lastInsertId();
}

function find(Connection $connection, int $id): array
{
    return $connection->fetchAssociative('SELECT * FROM messages WHERE id = ?', [$id]);
}

$small = insert($connection, $given['small']);
$whole = insert($connection, array_merge(array_fill_keys(array_keys($given['columns']), null), $given['whole']));
$connection->transactional(function (Connection $connection) use ($given): void {
    foreach ($given['bulk'] as $row) {
        insert($connection, $row);
    }
});
$keyed = $given['keyed'];
$skip = sprintf(
    'INSERT INTO messages (%s) VALUES (%s) ON CONFLICT(idempotency_key) DO NOTHING',
    implode(', ', array_keys($keyed)),
    implode(', ', array_fill(0, count($keyed), '?'))
);
for ($time = 0; $time < 2; $time++) {
    $connection->executeStatement($skip, array_values($keyed));
}
foreach ([$small, $whole] as $id) {
    $connection->update('messages', ['reference' => 'changed'] + find($connection, $id), ['id' => $id]);
}
$read = find($connection, $whole);
echo json_encode(['small' => $small, 'whole' => $whole]), "\n";

fgets(STDIN);
$save = fn (array $row): callable => fn () => $connection->update('messages', $row, ['id' => $row['id']]);
echo json_encode([
    'small' => attempt($save(['id' => $small, 'reference' => 'changed again'])),
    'stale' => attempt($save(['reference' => 'stale'] + $read)),
    'fresh' => attempt($save(['reference' => 'fresh'] + find($connection, $whole))),
]), "\n";
